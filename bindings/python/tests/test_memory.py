"""Memory stays flat over many cycles, and weights are not copied."""

import scripts

RESIDENT = """
def resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def mappings():
    with open("/proc/self/maps") as maps:
        return sum(1 for _ in maps)

def flat(cycle, warm, times, allowed):
    for _ in range(warm):
        cycle()
    before, files, places = resident(), descriptors(), mappings()
    for _ in range(times):
        cycle()
    grown = resident() - before
    assert descriptors() == files
    assert mappings() <= places + 50, (mappings(), places)
    assert grown < allowed, f"{grown} bytes more"
    print("ok")
"""


def test_ten_thousand_containers_opened_and_closed(sealed):
    script = """
def cycle():
    with ovseal.open(path, key=key, publisher=ovseal.ANY_SENDER) as opened:
        view = memoryview(opened["model.xml"])
        assert view[:5] == b"<?xml"
        opened["model.bin"].read(0, 100)
flat(cycle, 500, 10_000, 8 << 20)
"""
    assert scripts.run(RESIDENT + script, sealed("mlp"), timeout=600) == ["ok"]


def test_three_hundred_models_read_compiled_and_imported(sealed, tmp_path):
    script = """
def cycle():
    compiled = core.compile_model(ovseal.read_model(core, path, key=key, publisher=ovseal.ANY_SENDER), "CPU")
    first = outputs(compiled)
    assert outputs(ovseal.compile_model(core, path, "CPU", key=key, publisher=ovseal.ANY_SENDER)) == first
    assert outputs(ovseal.compile_model(core, path, "CPU", key=key, publisher=ovseal.ANY_SENDER, cache_dir=rest[0])) == first
flat(cycle, 50, 100, 24 << 20)
"""
    assert scripts.run(RESIDENT + script, sealed("conv"), tmp_path / "cache", timeout=600) == ["ok"]


def test_reading_a_model_makes_no_copy_of_its_weights(tmp_path, key):
    import numpy as np
    import openvino as ov
    import ovseal

    ops, size = ov.opset13, 4096
    x = ops.parameter([1, size], ov.Type.f32, "x")
    table = ops.constant(np.full((size, size), 0.5, np.float32))
    ov.save_model(ov.Model([ops.matmul(x, table, False, False)], [x], "big"), tmp_path / "big.xml", compress_to_fp16=False)
    ovseal.seal(tmp_path / "big.xml", tmp_path / "big.ovseal", recipients=key)
    script = RESIDENT + """
core.get_versions("CPU")
before = resident()
model = ovseal.read_model(core, path, key=key, publisher=ovseal.ANY_SENDER)
print(resident() - before)
"""
    weights = (tmp_path / "big.bin").stat().st_size
    (grown,) = scripts.run(script, tmp_path / "big.ovseal")
    assert weights <= int(grown) < weights + (16 << 20)

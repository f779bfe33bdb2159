// Rejected calls, which leave nothing behind: refusals CONTAINER DAMAGED SEVERAL UNFIT DIR

#include "network.hpp"

#include <functional>

int main(int count, char** arguments) {
    EXPECT(count == 6);
    const std::string container = arguments[1], damaged = arguments[2], several = arguments[3], unfit = arguments[4];
    const std::filesystem::path directory = arguments[5];
    const auto wrong = ovseal::passphrase("wrong");
    ov::Core core;

    expect_failure<ovseal::NoKeyFitsError>(OVSEAL_CODE_NO_KEY_FITS, [&] { ovseal::read_model(core, container, wrong); });
    expect_failure<ovseal::NoKeyFitsError>(OVSEAL_CODE_NO_KEY_FITS, [&] { ovseal::compile_model(core, container, "CPU", wrong); });
    for (const auto opening : {ovseal::Opening::eager, ovseal::Opening::overlapped})
        expect_failure<ovseal::NotAuthenticError>(OVSEAL_CODE_CHUNK, [&] {
            ovseal::compile_model(core, damaged, "CPU", key(), ovseal::options().opening(opening));
        });
    expect_failure<ovseal::NotAuthenticError>(OVSEAL_CODE_CHUNK, [&] { ovseal::read_model(core, damaged, key()); });
    // Verifying again fails again. Decrypting integers may already have failed.
    expect_failure<ovseal::NotAuthenticError>(OVSEAL_CODE_CHUNK, [&] {
        ovseal::detail::Network network(ovseal::open(damaged, key()), std::nullopt, "CPU", ovseal::Opening::overlapped);
        try {
            network.verify();
        } catch (const ovseal::NotAuthenticError&) {
        }
        network.verify();
    });
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_SEVERAL_MODELS, [&] { ovseal::read_model(core, several, key()); });
    ovseal::read_model(core, several, key(), ovseal::options().part("openvino_detokenizer.xml"));
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_NO_SUCH_PART, [&] { ovseal::read_model(core, several, key(), ovseal::options().part("x")); });
    expect_failure<ovseal::UnsupportedError>(OVSEAL_CODE_NOT_A_MODEL, [&] { ovseal::read_model(core, several, key(), ovseal::options().part("config.json")); });
    expect_failure<ovseal::EnvironmentError>(OVSEAL_CODE_READ, [&] { ovseal::read_model(core, directory / "nothing", key()); });
    expect_failure<ovseal::EnvironmentError>(OVSEAL_CODE_RUNTIME, [&] { ovseal::compile_model(core, container, "NO_SUCH_DEVICE", key()); });

    // The runtime's own message may quote the model, so it is nested and not shown.
    try {
        ovseal::read_model(core, unfit, key());
        fail("a topology that is none was read", __FILE__, __LINE__);
    } catch (const ovseal::EnvironmentError& failure) {
        EXPECT(failure.code() == OVSEAL_CODE_RUNTIME && std::string(failure.what()) == "OpenVINO could not read the model");
        try {
            std::rethrow_if_nested(failure);
            fail("there is no cause", __FILE__, __LINE__);
        } catch (const ov::Exception&) {
        }
    }

    // The default is this device's own key, but the device has none.
    setenv("XDG_STATE_HOME", directory.c_str(), 1);
    for (const auto& attempt : std::vector<std::function<void()>>{
             [&] { ovseal::open(container); },
             [&] { ovseal::read_model(core, container); },
             [&] { ovseal::compile_model(core, container, "CPU"); },
         })
        expect_failure<ovseal::NoKeyFitsError>(OVSEAL_CODE_NO_KEY_FITS, attempt);

    // OpenVINO's own cache would store the plaintext.
    const auto cache = directory / "plaintext-cache";
    for (const char* name : {"CACHE_DIR", "CACHE_PATH", "NPUW_CACHE_DIR"})
        expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] {
            ovseal::compile_model(core, container, "CPU", key(), {}, {{name, cache.string()}});
        });
    const ov::AnyMap hidden = {{"DEVICE_PROPERTIES", ov::AnyMap{{"CPU", ov::AnyMap{{"CACHE_DIR", cache.string()}}}}}};
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] { ovseal::compile_model(core, container, "CPU", key(), {}, hidden); });
    for (const char* device : {"CPU", "HETERO", "AUTO", "MULTI", "BATCH"}) {
        core.set_property(device, ov::cache_dir(cache.string()));
        expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] { ovseal::read_model(core, container, key()); });
        infer(ovseal::compile_model(core, container, "CPU", key()));
        core.set_property(device, ov::cache_dir(""));
    }
    ovseal::read_model(core, container, key());
    core.set_property(ov::cache_dir(cache.string()));
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] { ovseal::read_model(core, container, key()); });
    infer(ovseal::compile_model(core, container, "CPU", key()));
    const bool is_empty = !std::filesystem::exists(cache) || std::filesystem::is_empty(cache);
    EXPECT(is_empty);
    core.set_property(ov::cache_dir(""));
    setenv("OV_ENABLE_SERIALIZE_TRACING", "1", 1);
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] { ovseal::read_model(core, container, key()); });
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] { ovseal::compile_model(core, container, "CPU", key()); });
    return 0;
}

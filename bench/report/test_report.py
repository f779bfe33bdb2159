"""Tests of the report: python3 -m unittest discover bench/report"""

import unittest

from plot import bar
from summary import dumps, spread, summarize
from tables import markdown
from targets import compare


def run(benchmark, fixture, columns, cache=None, **more):
    """Returns a measurement of one fixture from samples by method."""
    series = [{"method": method, "samples": samples} for method, samples in columns.items()]
    series = [one | ({"cache": cache} if cache else {}) for one in series]
    fixtures = [{"fixture": fixture, "bytes": 7_000_000, "series": series, **more}]
    environment = {"rounds": 3, "provider": "ring"}
    return {"benchmark": benchmark, "environment": environment, "fixtures": fixtures}


def load_sample(seconds, peak=10, output="a", opening=None):
    times = {"compiled": seconds, "first_inference": seconds, "user": seconds, "system": 0}
    memory = {"start_bytes": 4, "peak_bytes": peak, "anonymous_bytes": 1, "file_bytes": 2, "shared_bytes": 3}
    return times | memory | {"output": output, "opening": opening}


def ratios(measure, pair, found):
    fixtures = {name: {} for name in found if name != "mean"}
    return {"fixtures": fixtures, "results": {}, "ratios": {measure: {pair: found}}}


class Summary(unittest.TestCase):
    def test_the_median_of_an_even_number_is_the_mean_of_the_middle(self):
        self.assertEqual(spread([4, 1, None, 2, 3]), [2.5, 1, 4])

    def test_ratios_are_taken_in_rounds_in_which_both_methods_took_their_turn(self):
        rates = lambda *numbers: [number and {"rate": number} for number in numbers]
        columns = {"open_any_1": rates(2, 4, 1), "open_any_2": rates(4, None, 3), "aes_ring": rates(4, 4, 4)}
        record = summarize(run("container", "part", columns))
        self.assertEqual(record["ratios"]["rate"]["open_any_2 / open_any_1"]["part"], [2.5, 2, 3])
        self.assertEqual(record["ratios"]["rate"]["open_any_1 / aes"]["part"], [0.5, 0.25, 1])
        self.assertEqual(record["results"]["part"]["open_any_2"], {"rounds": 2, "rate": [3.5, 3, 4]})

    def test_differences_are_taken_round_by_round(self):
        seconds = lambda *numbers: [{"seconds": number} for number in numbers]
        columns = {"keyfile": seconds(1, 3), "tpm": seconds(3, 4)}
        results = summarize(run("tpm", "container", columns))["results"]["container"]
        self.assertEqual(results["tpm"]["seconds above keyfile"], [1.5, 1, 2])
        self.assertNotIn("seconds above keyfile", results["keyfile"])

    def test_languages_are_compared_with_rust(self):
        sample = lambda seconds, peak: [{"seconds": seconds, "start_bytes": 1, "peak_bytes": peak}]
        record = summarize(run("bindings", "layers", {"rust": sample(2, 5), "cpp": sample(3, 7)}))
        self.assertEqual(record["ratios"]["seconds"]["cpp / rust"]["layers"], [1.5] * 3)
        self.assertEqual(record["results"]["layers"]["cpp"]["grown above rust"], [2] * 3)

    def test_added_memory_is_a_share_of_what_the_script_adds(self):
        peaks = {"plaintext": 10, "script": 18, "overlapped-any": 12}
        columns = {method: [load_sample(1, peak, opening="overlapped")] for method, peak in peaks.items()}
        record = summarize(run("load", "bert", columns, "warm"))
        self.assertEqual(record["ratios"]["added-peak warm"]["overlapped-any / script"]["bert"], [0.25])

    def test_different_outputs_and_eager_openings_are_noted(self):
        columns = {"overlapped-any": [load_sample(1, opening="eager")], "script": [load_sample(1, output="b")]}
        record = summarize(run("load", "bert", columns, "cold", output="a"))
        self.assertTrue(record["results"]["bert cold"]["overlapped-any"]["was_eager"])
        self.assertEqual(record["results"]["bert cold"]["script"]["differing_outputs"], 1)
        text = markdown(record)
        self.assertIn("any sender (was eager) |", text)
        self.assertIn("| Python script (**output differs**) |", text)

    def test_a_method_without_a_title_is_not_lost(self):
        with self.assertRaisesRegex(KeyError, "new-method"):
            summarize(run("load", "bert", {"new-method": [load_sample(1)]}))

    def test_a_record_has_one_method_a_line(self):
        text = dumps({"results": {"part": {"a": {"rate": [1]}, "b": {}}}, "sealing_memory": [{"size": 1}]})
        self.assertIn('\n      "a": {"rate": [1]},\n', text)
        self.assertIn('"sealing_memory": [\n    {"size": 1}\n  ]', text)


class Targets(unittest.TestCase):
    def test_one_network_above_its_limit_misses_the_target(self):
        limits = {"resnet50": 0.8, "bert": 0.6}
        target = {"what": "w", "ratio": "cpu warm", "pair": "a / b", "at_most": limits}
        found = {"resnet50": [0.79], "bert": [0.61], "decoder-int4": [9], "mean": [1]}
        limit = "at most 0.80 (ResNet-50), 0.60 (BERT)"
        row = ["w", limit, "ResNet-50 0.790, BERT 0.610", "**missed**"]
        self.assertEqual(compare(ratios("cpu warm", "a / b", found), target), row)

    def test_the_mean_has_a_limit_of_its_own(self):
        target = {"what": "w", "ratio": "cpu warm", "pair": "a / b", "at_most": 1.0, "mean_at_most": 0.95}
        for mean, verdict in [(0.96, "**missed**"), (0.95, "met")]:
            found = {"resnet50": [0.9], "bert": [1.0], "mean": [mean]}
            row = compare(ratios("cpu warm", "a / b", found), target)
            self.assertEqual(row[2:], [f"ResNet-50 0.900, BERT 1.000; mean {mean:.3f}", verdict])

    def test_below_excludes_the_limit(self):
        target = {"what": "w", "result": "seconds above keyfile", "below": 0.06, "unit": "ms"}
        for seconds, verdict in [(0.0599, "met"), (0.06, "**missed**")]:
            record = {"results": {"container": {"tpm": {"seconds above keyfile": [seconds]}}}}
            self.assertEqual(compare(record | {"environment": {}}, target)[3], verdict)

    def test_four_gigabytes_count_only_with_vaes(self):
        rate = {"result": "rate", "method": "open_any_1", "at_least": 4, "unit": "GB/s", "needs": "vaes"}
        share = {"ratio": "rate", "pair": "a / aes", "at_least": 0.6, "unit": "of AES-GCM alone"}
        for vaes, found, verdict in [(True, 0.1, "met"), (False, 0.1, "**missed**"), (False, 0.6, "met")]:
            record = ratios("rate", "a / aes", {"part": [found]})
            record["results"] = {"part": {"open_any_1": {"rate": [4]}}}
            record["environment"] = {"machine": {"vaes": vaes}}
            self.assertEqual(compare(record, {"what": "w", "any_of": [rate, share]})[3], verdict)

    def test_a_target_of_nothing_is_left_out(self):
        target = {"what": "w", "ratio": "cpu warm", "pair": "a / b", "at_most": 1.0}
        self.assertIsNone(compare(ratios("cpu warm", "c / d", {}), target))


class Plot(unittest.TestCase):
    def test_names_are_escaped_and_bars_scaled(self):
        text = bar("ovseal <1>", [2, 1, 3], "2", 0, 10)
        for part in ("ovseal &lt;1&gt;", 'class="ovseal"', 'width="20.0"', 'x1="410.0" x2="430.0"'):
            self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main()

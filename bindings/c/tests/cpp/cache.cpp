// The sealed cache of compiled models: cache MODEL WEIGHTS CONTAINER DIR

#include "network.hpp"

/** A property that cannot be converted to a string. */
struct Mute {};

int main(int count, char** arguments) {
    EXPECT(count == 5);
    EXPECT(!ovseal::detail::Texts({{"A", std::string("a")}, {"B", ov::Any(Mute())}}).are_complete());
    EXPECT(ovseal::detail::Texts({{"A", std::string()}, {"B", 7}}).are_complete());
    const std::filesystem::path directory = arguments[4];
    const auto container = arguments[3];
    const auto options = ovseal::options().cache_dir(directory).device_secret(directory.string() + ".secret");
    ov::Core core;
    const auto compile = [&](const ovseal::Options& options, const ov::AnyMap& properties = {}) {
        const auto compiled = ovseal::compile_model(core, container, "CPU", key(), options, properties);
        // The plaintext is compiled with the same settings, because the result can depend on them.
        EXPECT(infer(compiled) == infer(core.compile_model(core.read_model(arguments[1]), "CPU", properties)));
        return compiled;
    };
    const auto entries = [&] { return std::distance(std::filesystem::directory_iterator(directory), {}); };
    const auto first = compile(options);
    if (!first.cache_failure().empty())
        fail(first.cache_failure(), __FILE__, __LINE__);
    EXPECT(!first.is_cached() && entries() == 1);
    EXPECT(compile(options).is_cached() && entries() == 1);

    // The cache contains neither the weights nor the topology.
    const auto weights = contents(arguments[2]);
    for (std::size_t at = 0; at + 64 <= weights.size(); at += 4096)
        EXPECT(!is_found(directory, weights.substr(at, 64)));
    EXPECT(!is_found(directory, "MatMul") && is_found(std::filesystem::path(arguments[1]).parent_path(), "MatMul"));

    // Other properties have a separate entry, and so does another device's secret.
    EXPECT(!compile(options, {{"NUM_STREAMS", 2}}).is_cached() && entries() == 2);
    EXPECT(compile(options, {{"NUM_STREAMS", 2}}).is_cached());
    auto other = options;
    EXPECT(!compile(other.device_secret(directory.string() + ".other")).is_cached() && entries() == 3);

    // A core with other settings also has a separate entry.
    core.set_property("CPU", ov::hint::execution_mode(ov::hint::ExecutionMode::ACCURACY));
    EXPECT(!compile(options).is_cached());
    EXPECT(entries() == 4);
    EXPECT(compile(options).is_cached());

    // A damaged entry is ignored and replaced.
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(40000);
        file.put('\xff').put('\xff').put('\xff');
    }
    EXPECT(!compile(options).is_cached() && compile(options).is_cached());

    // A cache that cannot be used is reported, but is not an error.
    auto broken = options;
    EXPECT(compile(broken.cache_dir(arguments[2])).cache_failure().find(arguments[2]) != std::string::npos);
    auto beside = options;
    EXPECT(compile(beside.device_secret(directory / "secret")).cache_failure().find("inside the cache directory") != std::string::npos);
    auto tiny = options;
    EXPECT(!compile(tiny.cache_limit(1), {{"NUM_STREAMS", 3}}).cache_failure().empty());
    return 0;
}

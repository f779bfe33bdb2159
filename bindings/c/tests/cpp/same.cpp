// A sealed model computes the same results as the plaintext model, bit for bit: same MODEL
// CONTAINER

#include <sys/mman.h>

#include "network.hpp"

int main(int count, char** arguments) {
    EXPECT(count == 3);
    const auto expected = ::expected(arguments[1]);
    ov::Core core;
    const auto model = ovseal::read_model(core, arguments[2], key());
    EXPECT(infer(core.compile_model(model, "CPU")) == expected);
    for (const auto opening : {ovseal::Opening::automatic, ovseal::Opening::eager, ovseal::Opening::overlapped}) {
        const auto compiled = ovseal::compile_model(core, arguments[2], "CPU", key(), ovseal::options().opening(opening));
        EXPECT(!compiled.is_cached() && compiled.cache_failure().empty());
        EXPECT(infer(compiled) == expected);
        compiled.release_weights();
        EXPECT(infer(compiled) == expected);
        std::stringstream exported;
        auto copy = compiled;
        copy.export_model(exported);
        EXPECT(infer(core.import_model(exported, "CPU")) == expected);
        compiled.release_weights();
        const auto place = "/proc/self/fd/" + std::to_string(::memfd_create("exported", 0));
        std::ofstream file(place, std::ios::binary);
        copy.export_model(file);
        EXPECT(file.flush().good());
        std::ifstream again(place, std::ios::binary);
        EXPECT(infer(core.import_model(again, "CPU")) == expected);
    }
    const auto bounded = ovseal::compile_model(core, arguments[2], "CPU", key(), ovseal::options().memory_budget(1 << 16));
    EXPECT(infer(bounded) == expected && infer(bounded) == expected);
    const auto properties = ov::AnyMap{{"NUM_STREAMS", 2}, {"PERFORMANCE_HINT", "THROUGHPUT"}};
    const auto compiled = ovseal::compile_model(core, arguments[2], "CPU", key(), {}, properties);
    // The result depends on the machine: a single processor turns two streams into one.
    auto plain = core.compile_model(core.read_model(arguments[1]), "CPU", properties);
    EXPECT(compiled.get_property("NUM_STREAMS").as<int>() == plain.get_property("NUM_STREAMS").as<int>());
    EXPECT(compiled.get_property("PERFORMANCE_HINT") == plain.get_property("PERFORMANCE_HINT"));
    EXPECT(infer(compiled) == infer(plain));
    return 0;
}

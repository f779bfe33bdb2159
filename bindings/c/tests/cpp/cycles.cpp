// Opens, compiles, infers and closes again and again: cycles CONTAINER COUNT. Memory must stay flat.

#include "network.hpp"

namespace {

long resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmRSS:", 0) == 0)
            return std::stol(line.substr(6));
    return 0;
}

} // namespace

int main(int count, char** arguments) {
    EXPECT(count == 3);
    ov::Core core;
    const long cycles = std::stol(arguments[2]);
    long before = 0;
    for (long i = 0; i < cycles; ++i) {
        if (i == cycles / 3)
            before = resident_kib();
        const auto model = ovseal::read_model(core, arguments[1], key());
        infer(ovseal::compile_model(core, arguments[1], "CPU", key()));
    }
    const long grown = resident_kib() - before;
    std::cout << "grown by " << grown << " KiB in " << cycles - cycles / 3 << " cycles\n";
    // The allocators of runtime and thread pool settle slowly.
    return grown > 8192;
}

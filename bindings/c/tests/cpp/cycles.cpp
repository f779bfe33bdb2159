// Opens, compiles, infers and closes again and again; memory must stay flat: cycles CONTAINER COUNT

#include "network.hpp"

#include <sched.h>

namespace {

// Counts memory that no file backs, including swapped-out memory. Pages of libraries come and go
// with the page cache.
long own_kib() {
    std::ifstream status("/proc/self/status");
    long total = 0;
    for (std::string line; std::getline(status, line);)
        for (const std::string name : {"RssAnon:", "RssShmem:", "VmSwap:"})
            if (line.rfind(name, 0) == 0)
                total += std::stol(line.substr(name.size()));
    return total;
}

/** Restricts the process to two processors. With many, the runtime keeps starting threads. */
void take_two_processors() {
    cpu_set_t allowed, two;
    CPU_ZERO(&two);
    EXPECT(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    for (int number = 0; number < CPU_SETSIZE && CPU_COUNT(&two) < 2; ++number)
        if (CPU_ISSET(number, &allowed))
            CPU_SET(number, &two);
    EXPECT(sched_setaffinity(0, sizeof two, &two) == 0);
}

} // namespace

int main(int count, char** arguments) {
    EXPECT(count == 3);
    take_two_processors();
    ov::Core core;
    const long cycles = std::stol(arguments[2]);
    long before = 0;
    for (long i = 0; i < cycles; ++i) {
        if (i == cycles / 3)
            before = own_kib();
        const auto model = ovseal::read_model(core, arguments[1], key());
        infer(ovseal::compile_model(core, arguments[1], "CPU", key()));
    }
    const long grown = own_kib() - before;
    std::cout << "grown by " << grown << " KiB in " << cycles - cycles / 3 << " cycles\n";
    // The allocators of the runtime and its thread pool settle slowly.
    return grown > 8192;
}

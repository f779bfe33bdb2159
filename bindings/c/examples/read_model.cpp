// Reads a sealed model once, for `overhead.rs`: read_model CONTAINER KEYFILE. Tells the seconds, and the process's peak memory in KiB.

#include <ovseal/openvino.hpp>

#include <chrono>
#include <iostream>

#include <sys/resource.h>

int main(int count, char** arguments) {
    if (count != 3)
        return 2;
    const auto key = ovseal::keyfile(std::filesystem::path(arguments[2]));
    ov::Core core;
    const auto start = std::chrono::steady_clock::now();
    const auto model = ovseal::read_model(core, arguments[1], key);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    std::cout << seconds.count() << " " << usage.ru_maxrss << "\n";
    return model->inputs().empty();
}

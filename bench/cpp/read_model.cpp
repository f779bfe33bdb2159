// Reads a sealed model into OpenVINO from C++: read_model CONTAINER KEYFILE
//
// Prints a sample as JSON, as bench/python/read_model.py does.

#include <ovseal/openvino.hpp>

#include <chrono>
#include <fstream>
#include <iostream>
#include <string>

namespace {

long status(const std::string& name) {
    std::ifstream lines("/proc/self/status");
    for (std::string line; std::getline(lines, line);)
        if (line.rfind(name, 0) == 0)
            return std::stol(line.substr(name.size() + 1)) * 1024;
    return -1;
}

} // namespace

int main(int count, char** arguments) {
    if (count != 3)
        return 2;
    const auto key = ovseal::keyfile(std::filesystem::path(arguments[2]));
    ov::Core core;
    core.get_versions("CPU");
    const auto before = status("VmRSS");
    const auto start = std::chrono::steady_clock::now();
    const auto model = ovseal::read_model(core, arguments[1], key);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << "{\"seconds\": " << seconds.count() << ", \"start_bytes\": " << before
              << ", \"peak_bytes\": " << status("VmHWM") << "}\n";
    return model->inputs().empty();
}

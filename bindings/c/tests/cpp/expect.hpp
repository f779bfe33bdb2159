// Shared by the tests in C++: expectations, which end the program if they fail, and files.

#ifndef EXPECT_HPP
#define EXPECT_HPP

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

#define EXPECT(condition) ((condition) ? (void)0 : fail(#condition, __FILE__, __LINE__))

[[noreturn]] inline void fail(const std::string& what, const char* file, int line) {
    std::cerr << file << ":" << line << ": " << what << "\n";
    std::exit(1);
}

inline std::string contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file)
        throw std::runtime_error("cannot read " + path.string());
    return text;
}

#endif

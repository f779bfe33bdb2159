// tests/c/vector.c in C++

#include <ovseal/ovseal.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>

namespace {

std::string decode(const std::string& digits) {
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return bytes;
}

ovseal::Key make_key(const std::string& kind, const std::string& value) {
    const auto bytes = decode(value);
    if (kind == "passphrase")
        return ovseal::passphrase(bytes);
    if (kind == "keyfile")
        return ovseal::keyfile(ovseal::detail::bytes(bytes), bytes.size());
    if (kind == "identity")
        return ovseal::identities(bytes);
    // No key: a key that cannot open.
    return ovseal::recipient(ovseal::generate_identity().recipient);
}

void run(const std::vector<std::string>& arguments) {
    const auto given = [&](std::size_t number) { return arguments[number] != "-"; };
    auto options = ovseal::options();
    const auto key = make_key(arguments[1], arguments[2]);
    if (given(3))
        options.publisher(arguments[3]);
    else
        options.any_sender();
    if (given(4))
        options.name(arguments[4]);
    if (given(5))
        options.min_security_version(std::stoull(arguments[5]));
    const auto opened = ovseal::open(arguments[0], key, options);
    std::size_t number = 0;
    for (const auto& part : opened.parts()) {
        const auto bytes = part.read();
        std::ofstream file(arguments[6] + "/" + std::to_string(number++), std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        std::cout << "part " << part.kind() << " " << part.path();
        for (const auto companion : part.companions())
            std::cout << "\t" << companion;
        std::cout << "\n";
    }
    std::cout << "model " << opened.security_version() << " " << opened.name() << "\n";
}

} // namespace

int main(int count, char** arguments) {
    try {
        run({arguments + 1, arguments + count});
        return 0;
    } catch (const ovseal::Error& error) {
        std::cout << "code " << error.code() << "\n";
        return static_cast<int>(error.kind());
    }
}

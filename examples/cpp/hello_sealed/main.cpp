// Seals a model, then runs it from the container: hello_sealed MODEL.xml OUT.ovseal PASSPHRASE_FILE

#include <ovseal/openvino.hpp>

#include <cstring>
#include <fstream>
#include <iostream>

namespace {

void run(const std::string& plaintext, const std::string& container, const std::string& passphrase_file) {
    std::ifstream file(passphrase_file);
    std::string passphrase;
    std::getline(file, passphrase);
    const auto key = ovseal::passphrase(passphrase);

    // The publisher does this once, and distributes the container and the public key.
    if (!std::filesystem::exists(container)) {
        const auto publisher = ovseal::PublisherKey::generate();
        std::ofstream(container + ".pub") << publisher.publisher().pem();
        ovseal::seal(plaintext, container, ovseal::seal_options().recipient(key).publisher_key(publisher).name("hello"));
    }

    // The application does this. The plaintext is only in memory. ovseal's copy is zeroized at the
    // end.
    ov::Core core;
    auto options = ovseal::options().publisher(container + ".pub").name("hello").cache_dir(container + ".cache");
    auto compiled = ovseal::compile_model(core, container, "CPU", key, options);
    auto request = compiled.create_infer_request();
    auto input = request.get_input_tensor();
    std::memset(input.data(), 0, input.get_byte_size());
    request.infer();
    std::cout << "output of " << request.get_output_tensor().get_size() << " elements, "
              << (compiled.is_cached() ? "from the cache" : "compiled") << "\n";
}

} // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        std::cerr << "usage: hello_sealed MODEL.xml OUT.ovseal PASSPHRASE_FILE\n";
        return 2;
    }
    ovseal::harden_process();
    try {
        run(arguments[1], arguments[2], arguments[3]);
        return 0;
    } catch (const ovseal::Error& error) {
        std::cerr << "error: " << error.what() << "\n";
        if (!error.hint().empty())
            std::cerr << "hint: " << error.hint() << "\n";
        return static_cast<int>(error.kind());
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << "\n";
        return 1;
    }
}

// Shared by the tests with OpenVINO: a network in plaintext and sealed.

#ifndef NETWORK_HPP
#define NETWORK_HPP

#include <ovseal/openvino.hpp>

#include "expect.hpp"

#include <algorithm>
#include <numeric>

/** Checks that `work` throws an exception of the given class, with the given code. */
template <typename Class, typename Work>
void expect_failure(std::uint32_t code, Work work) {
    try {
        work();
    } catch (const Class& failure) {
        if (failure.code() != code)
            fail("code " + std::to_string(failure.code()) + ", not " + std::to_string(code) + ": " + failure.what(), __FILE__, __LINE__);
        return;
    }
    fail("nothing was thrown instead of " + std::to_string(code), __FILE__, __LINE__);
}

using Output = std::vector<std::uint8_t>;

/** Returns the key that the test has sealed to. */
inline ovseal::Key key() {
    const std::vector<std::uint8_t> bytes(32, 7);
    return ovseal::keyfile(bytes.data(), bytes.size());
}

inline Output infer(ov::InferRequest request) {
    const auto compiled = request.get_compiled_model();
    for (const auto& input : compiled.inputs()) {
        ov::Shape shape;
        for (const auto& extent : input.get_partial_shape())
            shape.push_back(extent.is_static() ? static_cast<std::size_t>(extent.get_length()) : 7);
        ov::Tensor tensor(input.get_element_type(), shape);
        for (std::size_t i = 0; i < tensor.get_size(); ++i)
            if (tensor.get_element_type() == ov::element::i64)
                tensor.data<std::int64_t>()[i] = static_cast<std::int64_t>(i * 13 % 97);
            else
                tensor.data<float>()[i] = static_cast<float>(i % 97) / 97;
        request.set_tensor(input, tensor);
    }
    request.infer();
    const auto output = request.get_output_tensor(0);
    const auto bytes = static_cast<const std::uint8_t*>(output.data());
    return {bytes, bytes + output.get_byte_size()};
}

inline Output infer(ov::CompiledModel compiled) {
    return infer(compiled.create_infer_request());
}

/** Returns the output of the plaintext model. */
inline Output expected(const std::string& model) {
    ov::Core core;
    return infer(core.compile_model(core.read_model(model), "CPU"));
}

/** Returns whether any file in a directory tree contains these bytes. */
inline bool is_found(const std::filesystem::path& directory, const std::string& needle) {
    const auto files = std::filesystem::recursive_directory_iterator(directory);
    return std::any_of(begin(files), end(files), [&](const auto& entry) {
        return entry.is_regular_file() && contents(entry.path()).find(needle) != std::string::npos;
    });
}

#endif

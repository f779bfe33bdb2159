// A double of the parts of OpenVINO GenAI 2026.4's pipeline that `ovseal/genai.hpp` uses:
// signatures only.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>

#include <openvino/genai/tokenizer.hpp>

namespace ov {
namespace genai {

class GenerationConfig {
public:
    GenerationConfig() = default;
    explicit GenerationConfig(const std::filesystem::path& path) {
        std::ifstream file(path);
        text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }

    // Read by a test.
    std::string text;
};

class LLMPipeline {
public:
    LLMPipeline(const std::string& model, const ov::Tensor& weights, const Tokenizer& tokenizer, const std::string& device,
                const ov::AnyMap& properties = {}, const GenerationConfig& configuration = {})
        : model(model), device(device), weights(weights), tokenizer(tokenizer), properties(properties), configuration(configuration) {
        if (device == "NONE")
            throw std::runtime_error("there is no such device");
    }
    // Like the real class, it can be neither copied nor moved.
    LLMPipeline(const LLMPipeline&) = delete;

    // Read by a test.
    std::string model, device;
    ov::Tensor weights;
    Tokenizer tokenizer;
    ov::AnyMap properties;
    GenerationConfig configuration;
};

} // namespace genai
} // namespace ov

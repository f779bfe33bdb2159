// A double: what of OpenVINO GenAI 2026.4's pipeline `ovseal/genai.hpp` uses, with the signatures of its headers, and no function of it.
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

    // What a test looks at.
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
    // As the real one: it is neither copied nor moved.
    LLMPipeline(const LLMPipeline&) = delete;

    // What a test looks at.
    std::string model, device;
    ov::Tensor weights;
    Tokenizer tokenizer;
    ov::AnyMap properties;
    GenerationConfig configuration;
};

} // namespace genai
} // namespace ov

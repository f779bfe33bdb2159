// A double of the parts of OpenVINO GenAI 2026.4's tokenizer that `ovseal/genai.hpp` uses:
// signatures only.
#pragma once

#include <openvino/openvino.hpp>

namespace ov {
namespace genai {

class Tokenizer {
public:
    Tokenizer(const std::string& tokenizer_model, const ov::Tensor& tokenizer_weights, const std::string& detokenizer_model,
              const ov::Tensor& detokenizer_weights, const ov::AnyMap& properties = {})
        : model(tokenizer_model + detokenizer_model), weights{tokenizer_weights, detokenizer_weights}, properties(properties) {}

    std::string get_chat_template() const { return chat_template; }
    void set_chat_template(const std::string& text) { chat_template = text; }

    // Read by a test.
    std::string model, chat_template;
    std::vector<ov::Tensor> weights;
    ov::AnyMap properties;
};

} // namespace genai
} // namespace ov

// A double: what of OpenVINO GenAI 2026.4's adapters the header comment of `ovseal/genai.hpp` uses, with the signature of its header, and no
// function of it.
#pragma once

#include <openvino/openvino.hpp>

namespace ov {
namespace genai {

class Adapter {
public:
    explicit Adapter(const ov::Tensor& safetensor) : safetensor(safetensor) {}

    // What a test looks at.
    ov::Tensor safetensor;
};

} // namespace genai
} // namespace ov

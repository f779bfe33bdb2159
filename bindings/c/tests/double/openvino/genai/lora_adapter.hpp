// A double of the parts of OpenVINO GenAI 2026.4's adapters that `ovseal/genai.hpp` mentions:
// signatures only.
#pragma once

#include <openvino/openvino.hpp>

namespace ov {
namespace genai {

class Adapter {
public:
    explicit Adapter(const ov::Tensor& safetensor) : safetensor(safetensor) {}

    // Read by a test.
    ov::Tensor safetensor;
};

} // namespace genai
} // namespace ov

// What `ovseal/genai.hpp` hands to OpenVINO GenAI, of which there is only a double here: genai CONTAINER FOLDER.

#include "network.hpp"

#include <ovseal/genai.hpp>

namespace {

std::string file(const std::string& folder, const std::string& name) { return ovseal::detail::contents(folder + "/" + name); }

bool holds(const ov::Tensor& tensor, const std::string& bytes) {
    const auto& constant = tensor;
    return constant.get_byte_size() == bytes.size() && !std::memcmp(constant.data(), bytes.data(), bytes.size());
}

} // namespace

int main(int count, char** arguments) {
    EXPECT(count == 3);
    const std::string folder = arguments[2];
    const auto pipeline = ovseal::llm_pipeline(arguments[1], "CPU", key(), {}, {{"NUM_STREAMS", 2}});
    EXPECT(pipeline.device == "CPU" && pipeline.model == file(folder, "openvino_model.xml"));
    EXPECT(holds(pipeline.weights, file(folder, "openvino_model.bin")));
    const auto& words = pipeline.tokenizer;
    EXPECT(words.model == file(folder, "openvino_tokenizer.xml") + file(folder, "openvino_detokenizer.xml"));
    EXPECT(holds(words.weights[0], file(folder, "openvino_tokenizer.bin")));
    EXPECT(holds(words.weights[1], file(folder, "openvino_detokenizer.bin")));
    EXPECT(words.chat_template == "{{ messages }}" && pipeline.configuration.text == "{\"max_new_tokens\": 7}");
    for (const auto& properties : {pipeline.properties, words.properties})
        EXPECT(properties.at("CACHE_DIR").as<std::string>().empty());
    EXPECT(pipeline.properties.count("NUM_STREAMS") == 1);
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] {
        ovseal::llm_pipeline(arguments[1], "CPU", key(), {}, {{"CACHE_DIR", "cache"}});
    });
    return 0;
}

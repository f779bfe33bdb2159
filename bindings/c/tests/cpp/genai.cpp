// The arguments that `ovseal/genai.hpp` passes to OpenVINO GenAI, here a double: genai CONTAINER
// DIR

#include "network.hpp"

#include <openvino/genai/lora_adapter.hpp>
#include <ovseal/genai.hpp>

namespace {

std::string file(const std::string& directory, const std::string& name) { return contents(directory + "/" + name); }

bool holds(const ov::Tensor& tensor, const std::string& bytes) {
    const auto& constant = tensor;
    return constant.get_byte_size() == bytes.size() && !std::memcmp(constant.data(), bytes.data(), bytes.size());
}

/** A part that cannot be read does not leak a descriptor. */
void a_file_that_cannot_be_filled_is_closed(const char* container) {
    const auto cut = std::string(container) + ".cut";
    std::filesystem::copy_file(container, cut);
    const auto opened = ovseal::open(cut, key());
    std::filesystem::resize_file(cut, 4096);
    const auto part = opened.part("generation_config.json");
    const auto descriptors = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
    const auto before = descriptors();
    try {
        ovseal::detail::MemoryFile file(part);
        fail("the part is gone", __FILE__, __LINE__);
    } catch (const ovseal::Error&) {
    }
    EXPECT(descriptors() == before);
}

/** A pipeline that cannot be created must not lock out the version that worked before. */
void only_a_pipeline_that_was_made_is_accepted(const std::string& directory) {
    const std::filesystem::path place = std::filesystem::path(directory).parent_path();
    const auto publisher = ovseal::PublisherKey::generate();
    std::ofstream(place / "acme.pub") << publisher.publisher().pem();
    const auto state = place / "state", container = place / "signed.ovseal";
    ovseal::detail::check(ovseal_rollback_state_create(state.c_str()));
    ovseal::seal(directory, container, ovseal::seal_options().recipient(key()).publisher_key(publisher).security_version(7));
    const auto options = ovseal::options().publisher(place / "acme.pub").rollback_state(state);
    const auto before = file(place, "state");
    expect_failure<ovseal::EnvironmentError>(OVSEAL_CODE_RUNTIME, [&] { ovseal::llm_pipeline(container, "NONE", key(), options); });
    EXPECT(file(place, "state") == before);
    ovseal::llm_pipeline(container, "CPU", key(), options);
    EXPECT(file(place, "state") != before);
}

} // namespace

int main(int count, char** arguments) {
    EXPECT(count == 3);
    const std::string directory = arguments[2];
    const auto pipeline = ovseal::llm_pipeline(arguments[1], "CPU", key(), {}, {{"NUM_STREAMS", 2}});
    EXPECT(pipeline.device == "CPU" && pipeline.model == file(directory, "openvino_model.xml"));
    EXPECT(holds(pipeline.weights, file(directory, "openvino_model.bin")));
    const auto& words = pipeline.tokenizer;
    EXPECT(words.model == file(directory, "openvino_tokenizer.xml") + file(directory, "openvino_detokenizer.xml"));
    EXPECT(holds(words.weights[0], file(directory, "openvino_tokenizer.bin")));
    EXPECT(holds(words.weights[1], file(directory, "openvino_detokenizer.bin")));
    EXPECT(words.chat_template == "{{ messages }}" && pipeline.configuration.text == "{\"max_new_tokens\": 7}");
    for (const auto& properties : {pipeline.properties, words.properties})
        EXPECT(properties.at("CACHE_DIR").as<std::string>().empty());
    EXPECT(pipeline.properties.count("NUM_STREAMS") == 1);
    // The double accepts any bytes as an adapter.
    const auto opened = ovseal::open(arguments[1], key());
    const auto adapter = ov::genai::Adapter(ovseal::tensor(opened.part("openvino_model.bin").map()));
    EXPECT(holds(adapter.safetensor, file(directory, "openvino_model.bin")));
    only_a_pipeline_that_was_made_is_accepted(directory);
    a_file_that_cannot_be_filled_is_closed(arguments[1]);
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] {
        ovseal::llm_pipeline(arguments[1], "CPU", key(), {}, {{"CACHE_DIR", "cache"}});
    });
    return 0;
}

/**
 * Pipelines of OpenVINO GenAI out of sealed folders, over the caller's own OpenVINO GenAI headers.
 *
 *     auto pipeline = ovseal::llm_pipeline("llama.ovseal", "CPU", key);       // an ov::genai::LLMPipeline
 *     auto adapter = ov::genai::Adapter(ovseal::tensor(opened.part("adapter.safetensors").map()));
 *
 * The folder is the one that OpenVINO GenAI loads, sealed as it is: `ovseal seal llama-ov -o llama.ovseal -R device.recipient --publisher-key acme.key`.
 * Model, tokenizer and detokenizer come from memory; their weights live as long as what reads them. The generation configuration, for which GenAI takes a path only, is read from an
 * anonymous file in memory. The chat template is the one in the tokenizer's IR, where `openvino_tokenizers` puts it, or else the part
 * chat_template.jinja; templates in JSON files are not looked for.
 *
 * The classes are named by template arguments, so that this header needs nothing else of theirs. It is compiled against a declared double in
 * the tests, and was not run with OpenVINO GenAI, whose wheel has no headers.
 */
#ifndef OVSEAL_GENAI_HPP
#define OVSEAL_GENAI_HPP

#include <algorithm>
#include <exception>

#include <openvino/genai/llm_pipeline.hpp>
#include <openvino/genai/tokenizer.hpp>

#include <ovseal/openvino.hpp>

namespace ovseal {

namespace detail {

/** A network as GenAI takes it: its topology as a text, its weights as a tensor. All of it was found authentic. */
class Piece {
public:
    Piece(const Opened& opened, const std::string& path) {
        // GenAI reads and compiles by itself, so everything is decrypted before.
        const auto network = made<ovseal_network>(ovseal_network_free, [&](ovseal_network** out) {
            return ovseal_network_decrypt(opened.get(), path.c_str(), "", OVSEAL_OPENING_EAGER, out);
        });
        if (ovseal_network_is_copied(network.get()))
            throw UnsupportedError(OVSEAL_CODE_NOT_A_MODEL, path + " is no IR");
        topology_ = std::make_unique<Plaintext>(ovseal_network_topology(network.get()),
                                                ovseal_network_topology_length(network.get()));
        if (ovseal_network_weights_count(network.get()) > 0) {
            const auto owner = opened.owner();
            ovseal_mapping* mapping = nullptr;
            check(ovseal_network_hazmat_weights(network.get(), 0, &mapping));
            weights_ = tensor(Mapping({mapping, [owner](ovseal_mapping* mapping) { ovseal_mapping_free(mapping); }}));
        }
        check(ovseal_network_verify(network.get()));
    }

    const std::string& topology() const noexcept { return topology_->text(); }
    const ov::Tensor& weights() const noexcept { return weights_; }

private:
    std::unique_ptr<Plaintext> topology_;
    ov::Tensor weights_;
};

/** Whether a container has a part. */
inline bool has_part(const Opened& opened, const std::string& path) {
    const auto parts = opened.parts();
    return std::any_of(parts.begin(), parts.end(), [&](const Part& part) { return part.path() == path; });
}

/** An anonymous file in memory with a part, for what takes a path only. */
class MemoryFile {
public:
    // By another constructor, so that the file is closed also when this one throws.
    explicit MemoryFile(const Part& part) : MemoryFile() {
        const auto bytes = part.map();
        std::ofstream file(path(), std::ios::binary);
        const auto populated = bytes.populate();
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        file.flush();
        if (!file)
            throw EnvironmentError(OVSEAL_CODE_MEMORY, "no memory for " + part.path());
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
    MemoryFile() { check(ovseal_export_file(&descriptor_)); }
    int descriptor_ = -1;
};

/** Properties that write no model to a disk. */
inline ov::AnyMap checked(ov::AnyMap properties) {
    const Texts texts(properties);
    check(ovseal_check_runtime(texts.data(), texts.size()));
    properties[ov::cache_dir.name()] = std::string();
    return properties;
}

/**
 * Raises the rollback state at the end of a scope that no exception ends: what is returned there can be neither copied nor moved.
 * When the state cannot be raised, what was returned is destroyed; compilers that do not do so leave it to the end of the process.
 */
class Acceptance {
public:
    explicit Acceptance(const Opened& opened) : opened_(opened) {}
    ~Acceptance() noexcept(false) {
        if (std::uncaught_exceptions() == exceptions_)
            opened_.accept();
    }
    Acceptance(const Acceptance&) = delete;
    Acceptance& operator=(const Acceptance&) = delete;

private:
    Opened opened_;
    int exceptions_ = std::uncaught_exceptions();
};

} // namespace detail

/** Makes the tokenizer and detokenizer of a sealed folder, with its chat template. */
template <typename Tokenizer = ov::genai::Tokenizer>
Tokenizer tokenizer(const Opened& opened, const ov::AnyMap& properties = {}) {
    const auto checked = detail::checked(properties);
    const detail::Piece words(opened, "openvino_tokenizer.xml"), texts(opened, "openvino_detokenizer.xml");
    auto tokenizer = detail::attempt("read the tokenizer", [&] {
        return Tokenizer(words.topology(), words.weights(), texts.topology(), texts.weights(), checked);
    });
    if (tokenizer.get_chat_template().empty() && detail::has_part(opened, "chat_template.jinja")) {
        const auto bytes = opened.part("chat_template.jinja").read();
        tokenizer.set_chat_template(std::string(bytes.begin(), bytes.end()));
    }
    return tokenizer;
}

/** Makes the pipeline of a sealed folder. */
template <typename Pipeline = ov::genai::LLMPipeline, typename Tokenizer = ov::genai::Tokenizer,
          typename Configuration = ov::genai::GenerationConfig>
Pipeline llm_pipeline(const Opened& opened, const std::string& device, const ov::AnyMap& properties = {}) {
    const auto checked = detail::checked(properties);
    const auto words = tokenizer<Tokenizer>(opened);
    const detail::Piece model(opened, "openvino_model.xml");
    Configuration configuration;
    if (detail::has_part(opened, "generation_config.json"))
        configuration = detail::attempt("read the generation configuration", [&] {
            return Configuration(std::filesystem::path(detail::MemoryFile(opened.part("generation_config.json")).path()));
        });
    const detail::Acceptance acceptance(opened);
    return detail::attempt("make the pipeline", [&] {
        return Pipeline(model.topology(), model.weights(), words, device, checked, configuration);
    });
}

/** Opens a container with a folder, and makes its pipeline. */
template <typename Pipeline = ov::genai::LLMPipeline>
Pipeline llm_pipeline(const std::filesystem::path& path, const std::string& device, const Key& key,
                      const Options& options = {}, const ov::AnyMap& properties = {}) {
    return llm_pipeline<Pipeline>(open(path, key, options), device, properties);
}

} // namespace ovseal

#endif

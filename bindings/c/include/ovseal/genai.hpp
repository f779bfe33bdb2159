/**
 * Pipelines of OpenVINO GenAI from sealed directories, with your own OpenVINO GenAI headers.
 *
 *     ov::genai::LLMPipeline pipeline = ovseal::llm_pipeline("llama.ovseal", "CPU", key, options);
 *     auto adapter = ov::genai::Adapter(ovseal::tensor(opened.part("adapter.safetensors").map()));
 *
 * Seal the directory that OpenVINO GenAI would load:
 *
 *     ovseal seal llama-ov -o llama.ovseal -R device.recipient --publisher-key acme.key
 *
 * Model, tokenizer and detokenizer are read from memory. Their weights live as long as anything
 * that reads them. GenAI reads the generation configuration only from a path, so that is an
 * anonymous file in memory. The chat template comes from the tokenizer's IR, where
 * `openvino_tokenizers` writes it, or from the part chat_template.jinja. Templates in JSON files
 * are ignored.
 *
 * GenAI's classes are template arguments, so this header needs nothing else of theirs. The tests
 * compile it against a double. It has not been run with OpenVINO GenAI, whose wheel has no headers.
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

/** A network for GenAI: its topology as a string, its weights as a tensor, both authenticated. */
class Piece {
public:
    // GenAI reads and compiles the network itself, so everything is decrypted first.
    Piece(const Opened& opened, const std::string& path) : Piece(Network(opened, path, "", Opening::eager), path) {}

    const std::string& topology() const noexcept { return topology_.text(); }
    const ov::Tensor& weights() const noexcept { return weights_; }

private:
    Piece(Network network, const std::string& path) : topology_(network.topology()), weights_(tensor(network.shared())) {
        if (network.is_copied())
            throw UnsupportedError(OVSEAL_CODE_NOT_A_MODEL, path + " is not an IR");
        network.verify();
    }

    Plaintext topology_;
    ov::Tensor weights_;
};

/** Returns whether a container has a part. */
inline bool has_part(const Opened& opened, const std::string& path) {
    const auto parts = opened.parts();
    return std::any_of(parts.begin(), parts.end(), [&](const Part& part) { return part.path() == path; });
}

/** An anonymous file in memory with the content of a part, for classes that read only a path. */
class MemoryFile {
public:
    // This delegates, so that the file is closed if this constructor throws.
    explicit MemoryFile(const Part& part) : MemoryFile() {
        const auto bytes = part.map();
        std::ofstream file(path(), std::ios::binary);
        const auto populated = bytes.populate();
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        file.flush();
        if (!file)
            throw EnvironmentError(OVSEAL_CODE_MEMORY, "not enough memory for " + part.path());
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
    MemoryFile() { check(ovseal_export_file(&descriptor_)); }
    int descriptor_ = -1;
};

/** Rejects properties that would write the model to disk, and turns off OpenVINO's own cache. */
inline ov::AnyMap checked(ov::AnyMap properties) {
    check_runtime(Texts(properties));
    properties[ov::cache_dir.name()] = std::string();
    return properties;
}

/**
 * Raises the rollback state at the end of a scope, unless an exception ends it.
 *
 * Used where the object returned from that scope can be neither copied nor moved. If raising the
 * state fails, that object is destroyed; with some compilers it lives until the end of the process.
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

/** Creates the tokenizer and detokenizer of a sealed directory, with its chat template. */
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

/** Creates the pipeline of a sealed directory. */
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
    return detail::attempt("create the pipeline", [&] {
        return Pipeline(model.topology(), model.weights(), words, device, checked, configuration);
    });
}

/** Opens a sealed directory and creates its pipeline. */
template <typename Pipeline = ov::genai::LLMPipeline>
Pipeline llm_pipeline(const std::filesystem::path& path, const std::string& device, const Key& key,
                      const Options& options = {}, const ov::AnyMap& properties = {}) {
    return llm_pipeline<Pipeline>(open(path, key, options), device, properties);
}

} // namespace ovseal

#endif

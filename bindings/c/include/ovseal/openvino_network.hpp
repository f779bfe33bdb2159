/**
 * Networks of a container in memory, for `ovseal/openvino.hpp`. Do not include this header
 * yourself.
 */
#ifndef OVSEAL_OPENVINO_NETWORK_HPP
#define OVSEAL_OPENVINO_NETWORK_HPP

#include <sstream>

#include <openvino/openvino.hpp>

#include <ovseal/open.hpp>

/** True if OpenVINO accepts read-only memory, and imports compiled models from tensors. */
#define OVSEAL_OPENVINO_2025_3 \
    (OPENVINO_VERSION_MAJOR > 2025 || (OPENVINO_VERSION_MAJOR == 2025 && OPENVINO_VERSION_MINOR >= 3))

namespace ovseal {

/** Creates a read-only tensor of bytes over a mapping, without a copy. It owns the mapping. */
inline ov::Tensor tensor(const Mapping& mapping) {
    if (mapping.size() == 0)
        return {};
#if OVSEAL_OPENVINO_2025_3
    const void* bytes = mapping.data();
#else
    void* bytes = const_cast<std::uint8_t*>(mapping.data());
#endif
    return {ov::Tensor(ov::element::u8, {mapping.size()}, bytes), std::shared_ptr<void>(mapping.owner())};
}

namespace detail {

/**
 * Throws the error for a failure of the runtime. The runtime's own exception may quote the model,
 * so it is nested and not shown.
 */
[[noreturn]] inline void runtime_failed(const char* operation) {
    std::throw_with_nested(EnvironmentError(OVSEAL_CODE_RUNTIME, std::string("OpenVINO could not ") + operation));
}

/** Runs `work` with the runtime. Errors of ovseal are left unchanged. */
template <typename Work>
auto attempt(const char* operation, Work work) -> decltype(work()) {
    try {
        return work();
    } catch (const Error&) {
        throw;
    } catch (const std::exception&) {
        runtime_failed(operation);
    }
}

/** Properties as strings, for the C interface. */
class Texts {
public:
    explicit Texts(const ov::AnyMap& properties) {
        for (const auto& [name, value] : properties)
            pairs_.emplace_back(name, text_of(value));
        for (const auto& [name, value] : pairs_)
            properties_.push_back({name.c_str(), value.c_str()});
    }
    Texts(Texts&&) = default;
    Texts& operator=(Texts&&) = default;
    const ovseal_property* data() const noexcept { return properties_.data(); }
    std::size_t size() const noexcept { return properties_.size(); }
    /** Returns whether every property can be converted to a string. A function, for example,
     * cannot. */
    bool are_complete() const noexcept { return are_complete_; }

private:
    std::string text_of(const ov::Any& value) {
        try {
            std::ostringstream text;
            value.print(text);
            // A value without a string form prints nothing.
            are_complete_ = are_complete_ && (!text.str().empty() || value.is<std::string>());
            return text.str();
        } catch (const std::exception&) {
            are_complete_ = false;
            return {};
        }
    }

    // Moving the vector leaves the strings in place.
    std::vector<std::pair<std::string, std::string>> pairs_;
    std::vector<ovseal_property> properties_;
    bool are_complete_ = true;
};

/** Fails if these properties, or the environment, would make OpenVINO write the model to disk. */
inline void check_runtime(const Texts& properties = Texts(ov::AnyMap())) {
    check(ovseal_check_runtime(properties.data(), properties.size()));
}

/** Rejects a core whose own cache, or a device's, is on: OpenVINO would write the model there. */
inline void reject_cache_of(const ov::Core& core) {
    auto devices = core.get_available_devices();
    // The core itself, and virtual devices, which OpenVINO does not list.
    for (const char* device : {"", "AUTO", "BATCH", "HETERO", "MULTI"})
        devices.emplace_back(device);
    for (const auto& device : devices) {
        std::string directory;
        try {
            directory = core.get_property(device, ov::cache_dir.name()).as<std::string>();
        } catch (const std::exception&) {
            continue; // Not every device has a cache.
        }
        if (!directory.empty())
            throw UsageError(OVSEAL_CODE_WRITES_MODEL, "the core has a CACHE_DIR: OpenVINO would write the model to disk",
                             "use ovseal's own cache, which keeps compiled models sealed");
    }
}

/** A string that is zeroized when it is destroyed. */
class Plaintext {
public:
    Plaintext(const std::uint8_t* bytes, std::size_t length) : text_(reinterpret_cast<const char*>(bytes), length) {}
    ~Plaintext() { zeroize(text_.data(), text_.size()); }
    Plaintext(const Plaintext&) = delete;
    Plaintext& operator=(const Plaintext&) = delete;
    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

/** Keeps weights alive as long as a model, if no tensor does. */
class WeightsOwner : public ov::RuntimeAttribute {
public:
    OPENVINO_RTTI("ovseal_weights", "0", ov::RuntimeAttribute);
    explicit WeightsOwner(std::vector<Mapping> weights) : weights_(std::move(weights)) {}
    std::string to_string() const override { return "sealed"; }

private:
    std::vector<Mapping> weights_;
};

/** A network of a container, in memory. */
class Network {
public:
    Network(const Opened& opened, const std::optional<std::string>& part, const std::string& device, Opening opening)
        : network_(made<ovseal_network_free>([&](auto network) {
              return ovseal_network_decrypt(opened.get(), c_str(part), device.c_str(),
                                            static_cast<std::uint32_t>(opening), network);
          })) {
        // The mappings keep the opened container, which keeps the progress callback.
        for (std::size_t number = 0; number < ovseal_network_weights_count(network_.get()); ++number)
            weights_.emplace_back(made<ovseal_mapping_free>(
                [&](auto mapping) { return ovseal_network_hazmat_weights(network_.get(), number, mapping); },
                opened.owner()));
    }

    /** Returns a copy of the topology. */
    Plaintext topology() const {
        return {ovseal_network_topology(network_.get()), ovseal_network_topology_length(network_.get())};
    }

    /** Returns whether the runtime copies the weights while it reads the topology. */
    bool is_copied() const noexcept { return ovseal_network_is_copied(network_.get()); }

    /** Returns the weights that the runtime reads in place. */
    Mapping shared() const { return weights_.size() == 1 ? weights_.front() : Mapping(); }

    /** Reads the network into the runtime. Nothing may depend on the model before verify()
     * succeeds. */
    std::shared_ptr<ov::Model> read(const ov::Core& core) {
        const auto weights = is_copied() ? ov::Tensor() : tensor(shared());
        auto model = root_cause("read the model", [&] { return core.read_model(topology().text(), weights); });
        ovseal_network_forget_topology(network_.get());
        if (is_copied())
            keep(*model);
        return model;
    }

    /** Waits until every chunk has been authenticated. */
    void verify() { check(ovseal_network_verify(network_.get())); }

    /** Runs `work` with the runtime. If the weights are not authentic, throws that error instead.
     * */
    template <typename Work>
    auto root_cause(const char* operation, Work work) -> decltype(work()) {
        try {
            return work();
        } catch (const std::exception&) {
            verify();
            runtime_failed(operation);
        }
    }

private:
    /**
     * This runtime has copied the weights, and may use them after they have been authenticated.
     * Another runtime may share them.
     */
    void keep(ov::Model& model) {
        verify();
        for (const auto& weights : weights_)
            weights.release();
        model.get_rt_info()["ovseal_weights"] = std::make_shared<WeightsOwner>(std::move(weights_));
        weights_.clear();
    }

    std::shared_ptr<ovseal_network> network_;
    std::vector<Mapping> weights_;
};

} // namespace detail

} // namespace ovseal

#endif

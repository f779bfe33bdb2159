/**
 * Models of OpenVINO out of sealed containers, over the caller's own OpenVINO headers.
 *
 *     ov::Core core;
 *     auto model = ovseal::read_model(core, "model.ovseal", ovseal::passphrase(password));
 *     auto compiled = ovseal::compile_model(core, "model.ovseal", "CPU", key, ovseal::options().cache_dir("cache"));
 *     auto imported = ovseal::import_model(core, "blob.ovseal", "CPU", key);
 *
 * The decrypted weights live exactly as long as the last ov::Model, ov::CompiledModel, ov::InferRequest, ov::Tensor or constant that reads
 * them, whatever the order in which the caller lets go, and are zeroized then: the tensor that the runtime is given owns them.
 *
 * What this does not protect: the runtime makes copies of its own of the topology and, for most devices, of repacked weights. They are
 * ordinary memory.
 */
#ifndef OVSEAL_OPENVINO_HPP
#define OVSEAL_OPENVINO_HPP

#include <fstream>
#include <istream>
#include <sstream>
#include <streambuf>

#include <unistd.h>

#include <openvino/openvino.hpp>

#include <ovseal/ovseal.hpp>

/** Whether OpenVINO takes memory that cannot be written, and imports compiled models from tensors. */
#define OVSEAL_OPENVINO_2025_3 \
    (OPENVINO_VERSION_MAJOR > 2025 || (OPENVINO_VERSION_MAJOR == 2025 && OPENVINO_VERSION_MINOR >= 3))

namespace ovseal {

namespace detail {
class Compilation;
}

/** A compiled model, with what only a sealed one has. It can be used, copied and stored as an ov::CompiledModel. */
class CompiledModel : public ov::CompiledModel {
public:
    CompiledModel() = default;

    /**
     * Gives the pages of the decrypted weights back to the kernel, in the background. What is read later is decrypted again.
     *
     * compile_model() has done so already: by then the device has made its own copies of nearly all of them. It is worth a call when something has
     * read them since, such as export_model() of an ov::CompiledModel.
     */
    void release_weights() const noexcept {
        if (weights_)
            weights_.release_in_background();
    }

    /**
     * Exports as the runtime does. It hands the weights' memory to the system, which cannot wait for it: so they are brought in before. Through an
     * ov::CompiledModel use weights().populate(), and look at the stream's state afterwards.
     */
    void export_model(std::ostream& stream) {
        const auto populated = weights_ ? weights_.populate() : nullptr;
        ov::CompiledModel::export_model(stream);
    }

    /** The decrypted weights, or the compiled model out of the cache; none where the runtime has copied them. */
    const Mapping& weights() const noexcept { return weights_; }

    /** Whether it came out of the cache: the payload was not read, nothing was compiled. */
    bool is_cached() const noexcept { return is_cached_; }

    /** Why the cache was not used; empty when it was, or was not wanted. */
    const std::string& cache_failure() const noexcept { return cache_failure_; }

private:
    friend class detail::Compilation;
    CompiledModel(ov::CompiledModel compiled, Mapping weights)
        : ov::CompiledModel(std::move(compiled)), weights_(std::move(weights)) {}

    Mapping weights_;
    bool is_cached_ = false;
    std::string cache_failure_;
};

/** A tensor of bytes over a mapping, read-only and without a copy. The mapping lives as long as the tensor and what shares it. */
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

/** The buffer of a stream that reads memory of others. */
class MemoryBuffer : public std::streambuf {
public:
    MemoryBuffer(const std::uint8_t* bytes, std::size_t length) {
        // Nothing is ever written through a get area.
        auto* start = reinterpret_cast<char*>(const_cast<std::uint8_t*>(bytes));
        setg(start, start, start + length);
    }

private:
    pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
        const auto base = from == std::ios_base::beg ? 0 : (from == std::ios_base::cur ? gptr() : egptr()) - eback();
        return seekpos(base + offset, std::ios_base::in);
    }
    pos_type seekpos(pos_type place, std::ios_base::openmode) override {
        if (place < 0 || place > egptr() - eback())
            return pos_type(off_type(-1));
        setg(eback(), eback() + off_type(place), egptr());
        return place;
    }
};

/** Keeps weights alive as long as a model and what is compiled of it, where no tensor does. */
class WeightsOwner : public ov::RuntimeAttribute {
public:
    OPENVINO_RTTI("ovseal_weights", "0", ov::RuntimeAttribute);
    explicit WeightsOwner(std::vector<Mapping> weights) : weights_(std::move(weights)) {}
    std::string to_string() const override { return "sealed"; }

private:
    std::vector<Mapping> weights_;
};

/** A text that is zeroized with its end. */
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

/** Properties as texts, for the C interface and the cache. */
class Texts {
public:
    explicit Texts(const ov::AnyMap& properties) {
        for (const auto& [name, value] : properties)
            pairs_.emplace_back(name, text_of(value));
        for (const auto& [name, value] : pairs_)
            properties_.push_back({name.c_str(), value.c_str()});
    }
    Texts(const Texts&) = delete;
    Texts& operator=(const Texts&) = delete;
    const ovseal_property* data() const noexcept { return properties_.data(); }
    std::size_t size() const noexcept { return properties_.size(); }
    /** Whether each property has a text: one without, such as a function, cannot be told apart from another. */
    bool are_complete() const noexcept { return are_complete_; }

private:
    std::string text_of(const ov::Any& value) {
        try {
            std::ostringstream text;
            value.print(text);
            // What has no text prints nothing.
            are_complete_ = are_complete_ && (!text.str().empty() || value.is<std::string>());
            return text.str();
        } catch (const std::exception&) {
            are_complete_ = false;
            return {};
        }
    }

    std::vector<std::pair<std::string, std::string>> pairs_;
    std::vector<ovseal_property> properties_;
    bool are_complete_ = true;
};

/** Throws that the runtime refused. Its own words may quote the model: they are nested, not shown. */
[[noreturn]] inline void refused(const char* operation) {
    std::throw_with_nested(EnvironmentError(OVSEAL_CODE_RUNTIME, std::string("OpenVINO could not ") + operation));
}

/** Does something with the runtime, or throws that it refused. Errors of ovseal stay what they are. */
template <typename Work>
auto attempt(const char* operation, Work work) -> decltype(work()) {
    try {
        return work();
    } catch (const Error&) {
        throw;
    } catch (const std::exception&) {
        refused(operation);
    }
}

/** A network of a container in memory. */
class Network {
public:
    Network(const Opened& opened, const std::string& device, Opening opening, const Options& options)
        : opened_(opened), network_(made<ovseal_network>(ovseal_network_free, [&](ovseal_network** out) {
              return ovseal_network_decrypt(opened.get(), options.part() ? options.part()->c_str() : nullptr,
                                            device.c_str(), static_cast<std::uint32_t>(opening), out);
          })) {}

    /** Reads it into the runtime. What comes out must decide nothing before verify(). */
    std::shared_ptr<ov::Model> read(const ov::Core& core) {
        const auto network = network_.get();
        for (std::size_t number = 0; number < ovseal_network_weights_count(network); ++number)
            weights_.push_back(piece(number));
        const bool is_copied = ovseal_network_is_copied(network);
        const auto shared = !is_copied && !weights_.empty() ? tensor(weights_.front()) : ov::Tensor();
        auto model = first_cause("read the model", [&] {
            const Plaintext topology(ovseal_network_topology(network), ovseal_network_topology_length(network));
            return core.read_model(topology.text(), shared);
        });
        ovseal_network_forget_topology(network);
        if (is_copied)
            keep(*model);
        return model;
    }

    /** Waits until every chunk was found authentic. */
    void verify() { check(ovseal_network_verify(network_.get())); }

    /** Does something with the runtime. What it says of weights that are not authentic is a consequence, not the cause. */
    template <typename Work>
    auto first_cause(const char* operation, Work work) -> decltype(work()) {
        try {
            return work();
        } catch (const std::exception&) {
            verify();
            refused(operation);
        }
    }

    /** What the runtime reads in place. */
    Mapping shared() const { return weights_.size() == 1 ? weights_.front() : Mapping(); }

private:
    Mapping piece(std::size_t number) const {
        // The call-back for progress lives as long as what may call it.
        const auto opened = opened_.owner();
        ovseal_mapping* mapping = nullptr;
        check(ovseal_network_hazmat_weights(network_.get(), number, &mapping));
        return Mapping({mapping, [opened](ovseal_mapping* mapping) { ovseal_mapping_free(mapping); }});
    }

    /** This runtime has copied the weights, and may read them now only when they are authentic. Another one may read them in place. */
    void keep(ov::Model& model) {
        verify();
        for (const auto& weights : weights_)
            weights.release();
        model.get_rt_info()["ovseal_weights"] = std::make_shared<WeightsOwner>(std::move(weights_));
        weights_.clear();
    }

    Opened opened_;
    std::shared_ptr<ovseal_network> network_;
    std::vector<Mapping> weights_;
};

/** Refuses a core for which, or for a device of which, OpenVINO's own cache is on: it would get the decrypted model. */
inline void refuse_cache_of(const ov::Core& core) {
    auto devices = core.get_available_devices();
    // The core itself, and devices that are made of others, which are not listed.
    for (const char* device : {"", "AUTO", "BATCH", "HETERO", "MULTI"})
        devices.emplace_back(device);
    for (const auto& device : devices) {
        std::string folder;
        try {
            folder = core.get_property(device, ov::cache_dir.name()).as<std::string>();
        } catch (const std::exception&) {
            continue; // Not every device has a cache.
        }
        if (!folder.empty())
            throw UsageError(OVSEAL_CODE_WRITES_MODEL, "the core has a CACHE_DIR: OpenVINO would write the model to disk",
                             "use this library's own cache: it keeps compiled models sealed");
    }
}

} // namespace detail

/** Reads the network of an opened container. All of it was found authentic when this returns. */
inline std::shared_ptr<ov::Model> read_model(const ov::Core& core, const Opened& opened, const Options& options = {}) {
    detail::check(ovseal_check_runtime(nullptr, 0));
    detail::refuse_cache_of(core);
    // Nobody knows here what the model is for, so everything is decrypted before.
    detail::Network network(opened, "", Opening::eager, options);
    auto model = network.read(core);
    network.verify();
    opened.accept();
    return model;
}

/**
 * Opens a container, without a key with this device's own, and reads its only network, or the one that options.part() names. All of it was
 * found authentic when this returns.
 *
 * A core with OpenVINO's own cache (CACHE_DIR) is refused: compiling the model would write it to disk in plaintext.
 */
inline std::shared_ptr<ov::Model> read_model(const ov::Core& core, const std::filesystem::path& path,
                                             const Key& key = ovseal::device(), const Options& options = {}) {
    return read_model(core, open(path, key, options), options);
}

namespace detail {

/** How a network of a container is compiled. */
class Compilation {
public:
    Compilation(ov::Core& core, const Opened& opened, const std::string& device, const Options& options,
                const ov::AnyMap& properties)
        : core_(core), opened_(opened), device_(device), options_(options), properties_(properties), texts_(properties) {
        check(ovseal_check_runtime(texts_.data(), texts_.size()));
        // Another call may have set a folder for all compilations.
        properties_[ov::cache_dir.name()] = std::string();
    }

    CompiledModel run() {
        std::string failure;
        const auto slot = options_.cache_dir() ? find_slot(failure) : nullptr;
        auto compiled = slot ? load(slot.get(), failure) : CompiledModel();
        if (!compiled) {
            compiled = compile();
            if (slot)
                store(slot.get(), compiled, failure);
            compiled.release_weights();
        }
        opened_.accept();
        compiled.cache_failure_ = failure;
        return compiled;
    }

    /** Imports what the device has exported. All of it was found authentic before the device's parser reads it. */
    CompiledModel import_exported() {
        // An import writes nothing, and not every version takes the property there.
        properties_.erase(ov::cache_dir.name());
        const auto mapping = opened_.compiled_part(options_.part()).map();
        auto imported = attempt("import the compiled model", [&] { return import(mapping, properties_); });
        opened_.accept();
        return {std::move(imported), mapping};
    }

private:
    using Slot = std::shared_ptr<ovseal_cache_slot>;

    CompiledModel compile() {
        Network network(opened_, device_, options_.opening(), options_);
        auto model = network.read(core_);
        auto compiled = network.first_cause("compile the model", [&] {
            return core_.compile_model(std::shared_ptr<const ov::Model>(model), device_, properties_);
        });
        model.reset();
        network.verify();
        return {std::move(compiled), network.shared()};
    }

    /** The place in the cache, or none and why. A cache is never needed. */
    Slot find_slot(std::string& failure) {
        try {
            if (!texts_.are_complete())
                throw UsageError(OVSEAL_CODE_USAGE, "a property cannot be told as a text");
            return find_slot();
        } catch (const std::exception& error) {
            failure = error.what();
            return nullptr;
        }
    }

    Slot find_slot() {
        const auto& secret = options_.device_secret();
        const auto cache = made<ovseal_cache>(ovseal_cache_free, [&](ovseal_cache** out) {
            return ovseal_cache_open(options_.cache_dir()->c_str(), secret ? secret->c_str() : nullptr,
                                     options_.cache_limit(), out);
        });
        const auto runtime = facts();
        const auto part = options_.part() ? options_.part()->c_str() : nullptr;
        return made<ovseal_cache_slot>(ovseal_cache_slot_free, [&](ovseal_cache_slot** out) {
            return ovseal_cache_find(cache.get(), runtime.get(), opened_.get(), part, device_.c_str(), texts_.data(),
                                     texts_.size(), out);
        });
    }

    /** What the runtime says of itself, on which a compiled model depends. It loads the plugins of the device. */
    std::shared_ptr<ovseal_runtime_facts> facts() {
        auto facts = made<ovseal_runtime_facts>(ovseal_runtime_facts_free, [](ovseal_runtime_facts** out) {
            return ovseal_runtime_facts_new(ov::get_openvino_version().buildNumber, out);
        });
        for (const auto& [device, version] : core_.get_versions(device_)) {
            detail::check(ovseal_runtime_facts_add_plugin(facts.get(), device.c_str(), version.description, version.buildNumber));
            for (const auto& name : decisive(device))
                if (const auto value = property(device, name))
                    detail::check(ovseal_runtime_facts_add_property(facts.get(), name.c_str(), value->c_str()));
        }
        return facts;
    }

    /** Those properties of a device that decide what is compiled for it: what it is, and what the caller has set for it. */
    std::vector<std::string> decisive(const std::string& device) {
        std::vector<std::string> names;
        for (const auto& name : core_.get_property(device, ov::supported_properties))
            if (name.is_mutable() || is_wanted(name))
                names.push_back(name);
        return names;
    }

    static bool is_wanted(const std::string& name) {
        for (std::size_t i = 0; const char* wanted = ovseal_runtime_facts_wanted(i); ++i)
            if (name == wanted)
                return true;
        return false;
    }

    /** A property as a text, if it has one. */
    std::optional<std::string> property(const std::string& device, const std::string& name) {
        try {
            std::ostringstream text;
            core_.get_property(device, name).print(text);
            return text.str();
        } catch (const std::exception&) {
            return std::nullopt;
        }
    }

    /** Imports what was exported. Before 2025.3 the runtime takes a stream only, and copies it. */
    ov::CompiledModel import(const Mapping& mapping, const ov::AnyMap& properties) {
#if OVSEAL_OPENVINO_2025_3
        return core_.import_model(tensor(mapping), device_, properties);
#else
        MemoryBuffer buffer(mapping.data(), mapping.size());
        std::istream exported(&buffer);
        return core_.import_model(exported, device_, properties);
#endif
    }

    /** The compiled model out of the cache, if it is there and the runtime takes it; otherwise why it does not. */
    CompiledModel load(const ovseal_cache_slot* slot, std::string& failure) {
        ovseal_mapping* handle = nullptr;
        check(ovseal_cache_slot_read(slot, &handle));
        if (!handle)
            return {};
        const Mapping mapping({handle, ovseal_mapping_free});
        try {
            auto properties = properties_;
            properties.erase(ov::cache_dir.name());
            CompiledModel compiled(import(mapping, properties), mapping);
            compiled.is_cached_ = true;
            return compiled;
        } catch (const std::exception&) {
            // OpenVINO's words may quote the model.
            failure = "OpenVINO refused the compiled model that was kept; it was compiled again";
            check(ovseal_cache_slot_discard(slot));
            return {};
        }
    }

    void store(const ovseal_cache_slot* slot, CompiledModel& compiled, std::string& failure) {
        try {
            int descriptor = -1;
            check(ovseal_export_file(&descriptor));
            const std::unique_ptr<int, void (*)(int*)> closed(&descriptor, [](int* open) { ::close(*open); });
            export_to(descriptor, compiled);
            check(ovseal_cache_slot_write(slot, descriptor));
        } catch (const std::exception& error) {
            failure = error.what();
        }
    }

    /** Exports into the anonymous file. */
    void export_to(int descriptor, CompiledModel& compiled) {
        const auto zeroized = [](std::vector<char>* buffer) { zeroize(buffer->data(), buffer->size()); };
        std::vector<char> buffer(1 << 16);
        const std::unique_ptr<std::vector<char>, decltype(zeroized)> guard(&buffer, zeroized);
        std::ofstream file;
        file.rdbuf()->pubsetbuf(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        file.open("/proc/self/fd/" + std::to_string(descriptor), std::ios::binary);
        attempt("export the compiled model", [&] { compiled.export_model(file); });
        file.flush();
        if (!file)
            throw EnvironmentError(OVSEAL_CODE_MEMORY, "no memory for the exported model");
    }

    ov::Core& core_;
    Opened opened_;
    std::string device_;
    Options options_;
    ov::AnyMap properties_;
    Texts texts_;
};

} // namespace detail

/** Compiles the network of an opened container; see the other function of this name. */
inline CompiledModel compile_model(ov::Core& core, const Opened& opened, const std::string& device,
                                   const Options& options = {}, const ov::AnyMap& properties = {}) {
    return detail::Compilation(core, opened, device, options, properties).run();
}

/**
 * Opens a container, without a key with this device's own, and compiles its only network, or the one that options.part() names, for a device.
 *
 * On the CPU decryption and compilation go on at the same time; the compiled model comes out when every chunk of it was found authentic. With
 * options.cache_dir() a compiled model is kept, sealed for this device and this model, and taken from there the next time. Properties that name
 * a folder of OpenVINO's own cache are refused, and it is switched off: it leaks plaintext.
 */
inline CompiledModel compile_model(ov::Core& core, const std::filesystem::path& path, const std::string& device,
                                   const Key& key = ovseal::device(), const Options& options = {},
                                   const ov::AnyMap& properties = {}) {
    return compile_model(core, open(path, key, options), device, options, properties);
}

/**
 * Imports the only compiled model of an opened container, or the one that options.part() names; see the other function of this name.
 */
inline CompiledModel import_model(ov::Core& core, const Opened& opened, const std::string& device,
                                  const Options& options = {}, const ov::AnyMap& properties = {}) {
    return detail::Compilation(core, opened, device, options, properties).import_exported();
}

/**
 * Opens a container, without a key with this device's own, and imports a compiled model that was sealed in it, instead of
 * ov::Core::import_model(). The device, the machine and the runtime must be those that exported it.
 *
 * The device reads the decrypted bytes in place. They live as long as the last ov::CompiledModel or ov::InferRequest that needs them, and
 * are zeroized then. Import only models of publishers whom you trust: the device's parser was not made for hostile input.
 */
inline CompiledModel import_model(ov::Core& core, const std::filesystem::path& path, const std::string& device,
                                  const Key& key = ovseal::device(), const Options& options = {},
                                  const ov::AnyMap& properties = {}) {
    return import_model(core, open(path, key, options), device, options, properties);
}

} // namespace ovseal

#endif

/**
 * Compiled models and their cache, for `ovseal/openvino.hpp`. Do not include this header yourself.
 */
#ifndef OVSEAL_OPENVINO_COMPILATION_HPP
#define OVSEAL_OPENVINO_COMPILATION_HPP

#include <fstream>
#include <istream>
#include <streambuf>

#include <unistd.h>

#include <ovseal/openvino_network.hpp>

namespace ovseal {

namespace detail {
class Compilation;
}

/**
 * An ov::CompiledModel with access to its decrypted weights. Use, copy and store it as an
 * ov::CompiledModel.
 */
class CompiledModel : public ov::CompiledModel {
public:
    CompiledModel() = default;

    /**
     * Returns the pages of the decrypted weights to the kernel, in the background.
     *
     * compile_model() has already done this, because the device has its own copies of nearly all
     * weights. Call this after something else has read the weights, such as an export. Released
     * pages are decrypted again when they are read.
     */
    void release_weights() const noexcept {
        if (weights_)
            weights_.release_in_background();
    }

    /**
     * Exports the model. First brings the weights into memory, because the runtime passes them to
     * system calls.
     *
     * To export through an ov::CompiledModel, keep the result of weights().populate() during the
     * export, and check the stream's state afterwards.
     */
    void export_model(std::ostream& stream) {
        const auto populated = weights_ ? weights_.populate() : nullptr;
        ov::CompiledModel::export_model(stream);
    }

    /**
     * Returns the decrypted weights, or the cached compiled model; empty if the runtime has copied
     * them.
     */
    const Mapping& weights() const noexcept { return weights_; }

    /**
     * Returns whether the model came from the cache: the payload was not read and nothing was
     * compiled.
     */
    bool is_cached() const noexcept { return is_cached_; }

    /** Returns the reason why the cache was not used; empty if it was used, or not requested. */
    const std::string& cache_failure() const noexcept { return cache_failure_; }

private:
    friend class detail::Compilation;
    CompiledModel(ov::CompiledModel compiled, Mapping weights)
        : ov::CompiledModel(std::move(compiled)), weights_(std::move(weights)) {}

    Mapping weights_;
    bool is_cached_ = false;
    std::string cache_failure_;
};

namespace detail {

/** A stream buffer over memory that it does not own. */
class MemoryBuffer : public std::streambuf {
public:
    MemoryBuffer(const std::uint8_t* bytes, std::size_t length) {
        // A get area is never written to.
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

/** Compiles or imports a network of a container. */
class Compilation {
public:
    Compilation(ov::Core& core, const Opened& opened, const std::string& device, const Options& options,
                const ov::AnyMap& properties)
        : core_(core), opened_(opened), device_(device), options_(options), properties_(properties), texts_(properties) {
        check_runtime(texts_);
        // Another call may have set a directory for all compilations.
        properties_[ov::cache_dir.name()] = std::string();
    }

    /** Takes the network from the cache, or compiles it. */
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

    /** Imports a compiled model. All of it is authenticated before the device's parser reads it. */
    CompiledModel import_exported() {
        const auto mapping = opened_.compiled_part(options_.part()).map();
        auto imported = attempt("import the compiled model", [&] { return import(mapping); });
        opened_.accept();
        return {std::move(imported), mapping};
    }

private:
    using Slot = std::shared_ptr<ovseal_cache_slot>;

    CompiledModel compile() {
        Network network(opened_, options_.part(), device_, options_.opening());
        auto model = network.read(core_);
        auto compiled = network.root_cause("compile the model", [&] {
            return core_.compile_model(std::shared_ptr<const ov::Model>(model), device_, properties_);
        });
        model.reset();
        network.verify();
        return {std::move(compiled), network.shared()};
    }

    /** Imports exported bytes. Before 2025.3, the runtime reads only a stream, and copies it. */
    ov::CompiledModel import(const Mapping& mapping) {
        // An import writes nothing, and not every version accepts the property for an import.
        auto properties = properties_;
        properties.erase(ov::cache_dir.name());
#if OVSEAL_OPENVINO_2025_3
        return core_.import_model(tensor(mapping), device_, properties);
#else
        MemoryBuffer buffer(mapping.data(), mapping.size());
        std::istream exported(&buffer);
        return core_.import_model(exported, device_, properties);
#endif
    }

    /** Finds the slot in the cache, or returns nothing and gives the reason. The cache is optional.
     * */
    Slot find_slot(std::string& failure) {
        try {
            if (!texts_.are_complete())
                throw UsageError(OVSEAL_CODE_USAGE, "a property has no text");
            return find_slot();
        } catch (const std::exception& error) {
            failure = error.what();
            return nullptr;
        }
    }

    Slot find_slot() {
        const auto cache = made<ovseal_cache_free>([&](auto cache) {
            return ovseal_cache_open(options_.cache_dir()->c_str(), c_str(options_.device_secret()),
                                     options_.cache_limit(), cache);
        });
        const auto found = plugins();
        std::vector<ovseal_plugin> plugins;
        for (const auto& plugin : found)
            plugins.push_back({plugin.device.c_str(), plugin.name.c_str(), plugin.build.c_str(),
                               plugin.properties.data(), plugin.properties.size()});
        ovseal_compilation compilation = OVSEAL_COMPILATION_INIT;
        compilation.part = c_str(options_.part());
        compilation.device = device_.c_str();
        compilation.properties = texts_.data();
        compilation.property_count = texts_.size();
        compilation.runtime = ov::get_openvino_version().buildNumber;
        compilation.plugins = plugins.data();
        compilation.plugin_count = plugins.size();
        return made<ovseal_cache_slot_free>(
            [&](auto slot) { return ovseal_cache_find(cache.get(), opened_.get(), &compilation, slot); });
    }

    /** A plugin that serves the device. */
    struct Plugin {
        std::string device, name, build;
        Texts properties;
    };

    /** Returns the plugins that serve the device, and loads them. */
    std::vector<Plugin> plugins() {
        std::vector<Plugin> plugins;
        for (const auto& [device, version] : core_.get_versions(device_))
            plugins.push_back({device, version.description, version.buildNumber, Texts(decisive_properties(device))});
        return plugins;
    }

    /**
     * Returns the properties that affect compilation for a device: its identity and its settings.
     */
    ov::AnyMap decisive_properties(const std::string& device) {
        ov::AnyMap properties;
        for (const auto& name : core_.get_property(device, ov::supported_properties))
            if (name.is_mutable() || is_wanted(name))
                if (const auto value = property(device, name))
                    properties[name] = *value;
        return properties;
    }

    static bool is_wanted(const std::string& name) {
        for (std::size_t i = 0; const char* wanted = ovseal_plugin_wanted_property(i); ++i)
            if (name == wanted)
                return true;
        return false;
    }

    /** Returns a property as a string, if it has one. */
    std::optional<std::string> property(const std::string& device, const std::string& name) {
        try {
            std::ostringstream text;
            core_.get_property(device, name).print(text);
            return text.str();
        } catch (const std::exception&) {
            return std::nullopt;
        }
    }

    /**
     * Imports the cached model. Returns an empty one if it is missing, or if the runtime rejects
     * it.
     */
    CompiledModel load(const ovseal_cache_slot* slot, std::string& failure) {
        const Mapping mapping(
            made<ovseal_mapping_free>([&](auto mapping) { return ovseal_cache_slot_read(slot, mapping); }));
        if (!mapping)
            return {};
        try {
            CompiledModel compiled(import(mapping), mapping);
            compiled.is_cached_ = true;
            return compiled;
        } catch (const std::exception&) {
            // OpenVINO's own message may quote the model.
            failure = "OpenVINO rejected the cached model; it was compiled again";
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

    /** Exports to an anonymous file. The stream's buffer is zeroized. */
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
            throw EnvironmentError(OVSEAL_CODE_MEMORY, "not enough memory for the exported model");
    }

    ov::Core& core_;
    Opened opened_;
    std::string device_;
    Options options_;
    ov::AnyMap properties_;
    Texts texts_;
};

} // namespace detail

} // namespace ovseal

#endif

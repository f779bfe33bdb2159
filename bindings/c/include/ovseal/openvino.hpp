/**
 * Sealed models for OpenVINO, with your own OpenVINO headers.
 *
 *     ov::Core core;
 *     auto options = ovseal::options().publisher("acme.pub").cache_dir("cache");
 *     auto compiled = ovseal::compile_model(core, "model.ovseal", "CPU", key, options);
 *     auto model = ovseal::read_model(core, "model.ovseal", key, options);
 *     auto imported = ovseal::import_model(core, "blob.ovseal", "CPU", key, options);
 *
 * You need not keep anything alive by hand. The decrypted weights live until the last ov::Model,
 * ov::CompiledModel, ov::InferRequest, ov::Tensor or constant that reads them is gone. Then they
 * are zeroized.
 *
 * OpenVINO itself copies the topology and, for most devices, repacks the weights. Those copies are
 * in ordinary memory, which is not zeroized.
 */
#ifndef OVSEAL_OPENVINO_HPP
#define OVSEAL_OPENVINO_HPP

#include <ovseal/openvino_compilation.hpp>
#include <ovseal/ovseal.hpp>

namespace ovseal {

/** Reads a network of an opened container; see the other read_model(). */
inline std::shared_ptr<ov::Model> read_model(const ov::Core& core, const Opened& opened, const Options& options = {}) {
    detail::check_runtime();
    detail::reject_cache_of(core);
    // The device is not known yet, so everything is decrypted first.
    detail::Network network(opened, options.part(), "", Opening::eager);
    auto model = network.read(core);
    network.verify();
    opened.accept();
    return model;
}

/**
 * Opens a container and reads its only network, or the one chosen with options.part().
 *
 * The default key is this device's own. On return, all of the network has been authenticated. A
 * core that uses OpenVINO's own cache (CACHE_DIR) is rejected: compiling the model would write it
 * to disk.
 */
inline std::shared_ptr<ov::Model> read_model(const ov::Core& core, const std::filesystem::path& path,
                                             const Key& key = ovseal::device(), const Options& options = {}) {
    return read_model(core, open(path, key, options), options);
}

/** Compiles a network of an opened container; see the other compile_model(). */
inline CompiledModel compile_model(ov::Core& core, const Opened& opened, const std::string& device,
                                   const Options& options = {}, const ov::AnyMap& properties = {}) {
    return detail::Compilation(core, opened, device, options, properties).run();
}

/**
 * Opens a container and compiles its only network, or the one chosen with options.part().
 *
 * The default key is this device's own. For the CPU, OpenVINO compiles while the weights are
 * decrypted. On return, all of the network has been authenticated.
 *
 * With options.cache_dir(), the compiled model is kept for the next time, sealed for this device
 * and container. OpenVINO's own cache, which stores plaintext, is switched off. Properties that set
 * a directory for it are rejected.
 */
inline CompiledModel compile_model(ov::Core& core, const std::filesystem::path& path, const std::string& device,
                                   const Key& key = ovseal::device(), const Options& options = {},
                                   const ov::AnyMap& properties = {}) {
    return compile_model(core, open(path, key, options), device, options, properties);
}

/** Imports a compiled model of an opened container; see the other import_model(). */
inline CompiledModel import_model(ov::Core& core, const Opened& opened, const std::string& device,
                                  const Options& options = {}, const ov::AnyMap& properties = {}) {
    return detail::Compilation(core, opened, device, options, properties).import_exported();
}

/**
 * Opens a container and imports its only compiled model, or the one that options.part() names.
 *
 * The default key is this device's own. The device, machine and runtime must be those that exported
 * the model. Import only models of publishers you trust: the device's parser is not hardened
 * against hostile input.
 */
inline CompiledModel import_model(ov::Core& core, const std::filesystem::path& path, const std::string& device,
                                  const Key& key = ovseal::device(), const Options& options = {},
                                  const ov::AnyMap& properties = {}) {
    return import_model(core, open(path, key, options), device, options, properties);
}

} // namespace ovseal

#endif

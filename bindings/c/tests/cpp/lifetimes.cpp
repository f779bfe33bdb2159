// The weights live exactly as long as anything that reads them: lifetimes MODEL CONTAINER CACHE

#include "network.hpp"

#include <openvino/op/constant.hpp>

namespace {

enum { CORE, MODEL, COMPILED, REQUEST, CONSTANT, OUTPUT };

/** Everything a caller can hold. */
struct Held {
    std::unique_ptr<ov::Core> core = std::make_unique<ov::Core>();
    std::shared_ptr<ov::Model> model;
    ov::CompiledModel compiled;
    ov::InferRequest request;
    std::shared_ptr<ov::op::v0::Constant> constant;
    ov::Tensor output;

    void let_go(int which) {
        switch (which) {
        case CORE: return core.reset();
        case MODEL: return model.reset();
        case COMPILED: compiled = {}; return;
        case REQUEST: request = {}; return;
        case CONSTANT: return constant.reset();
        default: output = {}; return;
        }
    }

    bool reads_weights() const { return model || compiled || request || constant; }

    void check(const Output& expected, const Output& weights) {
        if (request)
            EXPECT(infer(request) == expected);
        if (compiled)
            EXPECT(infer(compiled) == expected);
        if (model && core)
            EXPECT(infer(core->compile_model(model, "CPU")) == expected);
        if (constant)
            EXPECT(!std::memcmp(constant->get_data_ptr(), weights.data(), weights.size()));
        if (output)
            EXPECT(!std::memcmp(output.data(), expected.data(), expected.size()));
    }
};

std::shared_ptr<ov::op::v0::Constant> largest_constant(const ov::Model& model) {
    std::shared_ptr<ov::op::v0::Constant> largest;
    for (const auto& node : model.get_ops())
        if (const auto constant = std::dynamic_pointer_cast<ov::op::v0::Constant>(node))
            if (!largest || constant->get_byte_size() > largest->get_byte_size())
                largest = constant;
    return largest;
}

template <typename Hold>
void in_order(const Output& expected, const std::vector<int>& things, bool core_goes_first, Hold hold) {
    Held held;
    const std::weak_ptr<void> weights = hold(held);
    Output bytes;
    if (held.constant) {
        const auto start = static_cast<const std::uint8_t*>(held.constant->get_data_ptr());
        bytes.assign(start, start + held.constant->get_byte_size());
    }
    if (core_goes_first)
        held.let_go(CORE);
    for (const int which : things) {
        held.let_go(which);
        held.check(expected, bytes);
        EXPECT(weights.expired() == !held.reads_weights());
    }
}

/** Drops the objects in every order. `hold` creates them, and returns the weights' owner. */
template <typename Hold>
void every_order(const Output& expected, std::vector<int> things, Hold hold) {
    for (const bool core_goes_first : {true, false})
        do
            in_order(expected, things, core_goes_first, hold);
        while (std::next_permutation(things.begin(), things.end()));
}

} // namespace

int main(int count, char** arguments) {
    EXPECT(count == 4);
    const std::string container = arguments[2];
    const auto expected = ::expected(arguments[1]);

    every_order(expected, {MODEL, COMPILED, REQUEST, CONSTANT}, [&](Held& held) -> std::weak_ptr<void> {
        const auto opened = ovseal::open(container, key());
        held.model = ovseal::read_model(*held.core, opened);
        held.constant = largest_constant(*held.model);
        held.compiled = held.core->compile_model(held.model, "CPU");
        held.request = held.compiled.create_infer_request();
        return opened.owner();
    });
    for (const auto opening : {ovseal::Opening::eager, ovseal::Opening::overlapped})
        every_order(expected, {COMPILED, REQUEST, OUTPUT}, [&](Held& held) -> std::weak_ptr<void> {
            const auto opened = ovseal::open(container, key());
            held.compiled = ovseal::compile_model(*held.core, opened, "CPU", ovseal::options().opening(opening));
            held.request = held.compiled.create_infer_request();
            infer(held.request);
            held.output = held.request.get_output_tensor(0);
            return opened.owner();
        });
    const auto cached = ovseal::options().cache_dir(arguments[3]).device_secret(std::string(arguments[3]) + ".secret");
    ov::Core core;
    EXPECT(ovseal::compile_model(core, container, "CPU", key(), cached).cache_failure().empty());
    every_order(expected, {COMPILED, REQUEST, OUTPUT}, [&](Held& held) -> std::weak_ptr<void> {
        const auto compiled = ovseal::compile_model(*held.core, container, "CPU", key(), cached);
        EXPECT(compiled.is_cached());
        held.compiled = compiled;
        held.request = held.compiled.create_infer_request();
        infer(held.request);
        held.output = held.request.get_output_tensor(0);
        return compiled.weights().owner();
    });
    return 0;
}

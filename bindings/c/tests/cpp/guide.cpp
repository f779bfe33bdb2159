// The sample from OpenVINO's guide to encrypted models: guide PASSWORD MODEL WEIGHTS PLAINTEXT
//
// The guide's lines start in the first column, and are verbatim except for the file names.

#include "network.hpp"

using ovseal::decrypt_file;

int main(int count, char** arguments) {
    EXPECT(count == 5);
    const char *model_name = arguments[2], *weights_name = arguments[3];
std::vector<uint8_t> model_data, weights_data;

std::string password; // taken from an user
    password = arguments[1];
std::ifstream model_file(model_name), weights_file(weights_name);

// Read model files and decrypt them into temporary memory block
decrypt_file(model_file, password, model_data);
decrypt_file(weights_file, password, weights_data);

ov::Core core;
// Load model from temporary memory block
std::string str_model(model_data.begin(), model_data.end());
auto model = core.read_model(str_model,
    ov::Tensor(ov::element::u8, {weights_data.size()}, weights_data.data()));

    EXPECT(infer(core.compile_model(model, "CPU")) == expected(arguments[4]));
    return 0;
}

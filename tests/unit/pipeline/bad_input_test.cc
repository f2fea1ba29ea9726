// Damaged models and impossible targets: one clear error each, and no folder that an engine would
// load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "checkpoint/reader.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "save/verify.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

constexpr const char* kDynamic = R"(
apiversion: modelslim_v1
spec:
  process:
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver}]
)";

class BadInput : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(root_); }
  void SetUp() override {
    root_ = temp_path("bad_input");
    fs::remove_all(root_);
    fs::create_directories(root_ + "/model");
    const std::string source = golden_dir() + "/models/qwen2";
    for (const auto& item : fs::directory_iterator(source))
      fs::copy(item.path(), fs::path(root_ + "/model") / item.path().filename());
    for (const auto& item : fs::directory_iterator(root_ + "/model"))
      fs::permissions(item.path(), fs::perms::owner_all);
    job_.model_path = root_ + "/model";
    job_.save_path = root_ + "/q";
    job_.plan = make_plan(parse_recipe(kDynamic, "test.yaml"));
    job_.quiet = true;
  }

  void edit_config(const std::string& key, const Json& value) {
    Json config = read_json_file(root_ + "/model/config.json");
    config[key] = value;
    std::ofstream(root_ + "/model/config.json") << config.dump();
  }

  // Rewrites the weights with one tensor changed by `change`.
  template <typename Change>
  void edit_weights(const Change& change) {
    const std::string path = root_ + "/model/model.safetensors";
    std::vector<std::pair<std::string, Tensor>> tensors;
    {
      const SafetensorsFile file(path);
      for (const auto& entry : file.entries())
        tensors.emplace_back(entry.name, Tensor::copy_of(file.view(entry)));
    }
    change(tensors);
    std::vector<NamedTensor> views;
    for (const auto& [name, tensor] : tensors) views.push_back({name, tensor.view()});
    write_safetensors(path, views);
  }

  std::string error() {
    try {
      check_job(job_);
      quantize_model(job_);
    } catch (const Error& e) {
      EXPECT_FALSE(fs::exists(root_ + "/q")) << "a folder was left";
      EXPECT_FALSE(fs::exists(root_ + "/.q.msmodelslim-partial")) << "a partial folder was left";
      EXPECT_FALSE(e.remedy().empty()) << "no remedy: " << e.what();
      return e.what();
    }
    return "no error";
  }

  std::string root_;
  QuantJob job_;
};

TEST_F(BadInput, GoodInputIsTaken) { EXPECT_EQ(error(), "no error"); }

TEST_F(BadInput, CutWeights) {
  const std::string path = root_ + "/model/model.safetensors";
  fs::resize_file(path, fs::file_size(path) - 1000);
  EXPECT_THAT(error(), HasSubstr("model.safetensors"));
}

TEST_F(BadInput, HugeHeaderLength) {
  std::fstream file(root_ + "/model/model.safetensors",
                    std::ios::in | std::ios::out | std::ios::binary);
  const std::uint64_t length = 1ULL << 60;
  file.write(reinterpret_cast<const char*>(&length), 8);
  file.close();
  EXPECT_THAT(error(), HasSubstr("header claims 1152921504606846976 bytes"));
}

TEST_F(BadInput, NanWeightInAQuantizedLinear) {
  edit_weights([](auto& tensors) {
    for (auto& [name, tensor] : tensors)
      if (name == "model.layers.1.mlp.up_proj.weight") tensor.template as<float>()[5] = NAN;
  });
  EXPECT_THAT(error(), HasSubstr("model.layers.1.mlp.up_proj.weight holds NaN"));
}

TEST_F(BadInput, InfiniteValueInATensorThatIsOnlyCopied) {
  edit_weights([](auto& tensors) {
    for (auto& [name, tensor] : tensors)
      if (name == "model.embed_tokens.weight") tensor.template as<float>()[7] = INFINITY;
  });
  EXPECT_THAT(error(), HasSubstr("model.embed_tokens.weight holds NaN or infinite"));
}

TEST_F(BadInput, WrongShapeAndMissingTensorAreListedTogether) {
  edit_weights([](auto& tensors) {
    std::erase_if(tensors, [](const auto& t) { return t.first == "model.norm.weight"; });
    for (auto& [name, tensor] : tensors)
      if (name == "model.layers.0.self_attn.k_proj.weight") tensor.reshape({64, 32});
  });
  const std::string text = error();
  EXPECT_THAT(text, HasSubstr("model.norm.weight is missing"));
  EXPECT_THAT(text, HasSubstr("k_proj.weight is [64, 32]"));
}

TEST_F(BadInput, IntegerWeight) {
  edit_weights([](auto& tensors) {
    for (auto& [name, tensor] : tensors)
      if (name == "model.layers.0.mlp.up_proj.weight") tensor = Tensor(DType::kI8, tensor.shape());
  });
  EXPECT_THAT(error(), HasSubstr("up_proj.weight is I8"));
}

TEST_F(BadInput, MissingHeadOfAnUntiedModel) {
  edit_weights([](auto& tensors) {
    std::erase_if(tensors, [](const auto& t) { return t.first == "lm_head.weight"; });
  });
  EXPECT_THAT(error(), HasSubstr("lm_head.weight is missing"));
}

TEST_F(BadInput, Configurations) {
  edit_config("num_attention_heads", 3);
  EXPECT_THAT(error(), HasSubstr("3 attention heads cannot share"));
  edit_config("num_attention_heads", "four");
  EXPECT_THAT(error(), HasSubstr("\"num_attention_heads\" is \"four\""));
  std::ofstream(root_ + "/model/config.json") << "{\"hidden_size\": 64,";
  EXPECT_THAT(error(), HasSubstr("not valid JSON"));
  fs::remove(root_ + "/model/config.json");
  EXPECT_THAT(error(), HasSubstr("config.json: not found"));
}

TEST_F(BadInput, NothingSelected) {
  job_.exclude = {"*"};
  EXPECT_THAT(error(), HasSubstr("quantizes no linear"));
}

TEST_F(BadInput, PatternThatMatchesNothingIsAnErrorOnlyWhenStrict) {
  job_.exclude = {"*no_such_layer*"};
  job_.strict = true;
  EXPECT_THROW(check_job(job_), UsageError);
  job_.strict = false;
  EXPECT_NO_THROW(check_job(job_));
}

TEST_F(BadInput, SplitOfAFusedGroupIsAnErrorOnlyWhenStrict) {
  job_.exclude = {"*.k_proj"};
  job_.strict = true;
  EXPECT_THROW(check_job(job_), UsageError);
  job_.strict = false;
  EXPECT_EQ(error(), "no error");
}

TEST_F(BadInput, GroupSizeThatDoesNotDivide) {
  job_.plan = make_plan(parse_recipe(R"(
apiversion: modelslim_v1
spec:
  process:
    - type: linear_quant
      qconfig:
        weight: {dtype: int8, scope: per_group, symmetric: true, method: gptq, ext: {group_size: 48}}
      exclude: ["*self_attn*", "*1.mlp*"]
  save: [{type: ascendv1_saver}]
)",
                                     "test.yaml"));
  job_.samples = {{1, 2, 3}};
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("groups of 48 columns do not divide"),
                                      HasSubstr("model.layers.0.mlp.gate_proj (64)"),
                                      HasSubstr("model.layers.0.mlp.down_proj (128)"),
                                      testing::Not(HasSubstr("layers.1"))));
  EXPECT_FALSE(fs::exists(job_.save_path));
}

TEST_F(BadInput, UnwritableTarget) {
  job_.save_path = "/proc/q";  // nobody can make a folder there, root neither
  EXPECT_THAT(error(), HasSubstr("cannot be written"));
  if (::geteuid() == 0) return;
  fs::create_directories(root_ + "/locked");
  fs::permissions(root_ + "/locked", fs::perms::owner_read | fs::perms::owner_exec);
  job_.save_path = root_ + "/locked/q";
  EXPECT_THAT(error(), HasSubstr("cannot be written"));
}

TEST_F(BadInput, TargetBelowAFile) {
  job_.save_path = root_ + "/model_file/q";
  std::ofstream(root_ + "/model_file") << "x";
  EXPECT_THAT(error(), HasSubstr("cannot be written"));
}

// RLIMIT-like full disk: a file size limit makes the kernel refuse the write.
TEST_F(BadInput, FullTargetLeavesNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    set_thread_count(1);  // the threads of the parent do not exist here
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{20000, 20000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      quantize_model(job_);
    } catch (const ResourceError& e) {
      const bool said = std::string(e.what()).find("cannot be written") != std::string::npos;
      ::_exit(said && !fs::exists(root_ + "/q") ? 0 : 1);
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Ctrl-C: the run stops at the next block and takes its unfinished folder away.
TEST_F(BadInput, InterruptLeavesNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    set_thread_count(1);
    install_interrupt_handler();
    ::raise(SIGINT);
    try {
      quantize_model(job_);
    } catch (const ResourceError& e) {
      const bool said = std::string(e.what()).find("interrupted") != std::string::npos;
      std::set<std::string> left;
      for (const auto& item : fs::directory_iterator(root_))
        left.insert(item.path().filename().string());
      ::_exit(said && left == std::set<std::string>{"model"} ? 0 : 1);
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// A file that becomes shorter while it is mapped raises SIGBUS; the message names it.
TEST_F(BadInput, FileThatShrinksWhileMapped) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDERR_FILENO);
    install_sigbus_handler();
    const std::string path = root_ + "/model/model.safetensors";
    const MappedFile map(path);
    fs::resize_file(path, 0);
    volatile const std::byte* data = map.data();
    static_cast<void>(data[map.size() - 1]);
    ::_exit(0);
  }
  ::close(pipe_ends[1]);
  std::string text(4096, '\0');
  std::string all;
  for (ssize_t n; (n = ::read(pipe_ends[0], text.data(), text.size())) > 0;)
    all.append(text, 0, static_cast<std::size_t>(n));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_THAT(all, HasSubstr("model.safetensors: the file became shorter"));
  EXPECT_THAT(all, HasSubstr("Remedy"));
}

TEST_F(BadInput, VerifyFindsDamageInAFinishedFolder) {
  quantize_model(job_);
  const auto problems = [&] {
    const CheckpointReader checkpoint(job_.model_path);
    const ModelSpec model = build_model_spec(ModelConfig::read(job_.model_path), checkpoint);
    return find_problems(root_ + "/q", model, {}, false);
  };
  EXPECT_EQ(problems(), std::vector<std::string>{});
  const std::string path = root_ + "/q/quant_model_description.json";
  const Json good = read_json_file(path);
  Json bad = good;
  bad["model.layers.0.self_attn.k_proj.weight"] = "FLOAT";
  std::ofstream(path) << bad.dump();
  EXPECT_FALSE(problems().empty());
  bad = good;
  bad.erase("lm_head.weight");
  std::ofstream(path) << bad.dump();
  EXPECT_FALSE(problems().empty());
}

TEST_F(BadInput, VerifyKnowsWhatInt4Is) {
  job_.plan = make_plan(parse_recipe(R"(
apiversion: modelslim_v1
spec:
  process:
    - type: autoround_quant
      iters: 1
      strategies:
        - qconfig:
            act: {dtype: int4, scope: per_token, symmetric: true, method: minmax}
            weight: {dtype: int4, scope: per_channel, symmetric: false, method: minmax}
  save: [{type: ascendv1_saver}]
)",
                                     "test.yaml"));
  job_.samples = {{5, 6, 7}};
  quantize_model(job_);
  const CheckpointReader checkpoint(job_.model_path);
  const ModelSpec model = build_model_spec(ModelConfig::read(job_.model_path), checkpoint);
  EXPECT_TRUE(find_problems(root_ + "/q", model, {}, false).empty());
  const std::string path = root_ + "/q/quant_model_weights-00001-of-00001.safetensors";
  std::vector<std::pair<std::string, Tensor>> tensors;
  {
    const SafetensorsFile file(path);
    for (const auto& entry : file.entries())
      tensors.emplace_back(entry.name, Tensor::copy_of(file.view(entry)));
  }
  std::vector<NamedTensor> views;
  for (auto& [name, tensor] : tensors) {
    if (name == "model.layers.0.mlp.up_proj.weight") tensor.as<std::int8_t>()[3] = 9;
    if (name == "model.layers.0.mlp.up_proj.weight_scale") tensor.as<float>()[3] = 0;
    views.push_back({name, tensor.view()});
  }
  write_safetensors(path, views);
  EXPECT_THAT(find_problems(root_ + "/q", model, {}, false),
              testing::UnorderedElementsAre(
                  HasSubstr("up_proj.weight has codes from"),
                  HasSubstr("up_proj.weight_scale[3] is 0, a scale must be finite and not 0")));
}

}  // namespace
}  // namespace msmodelslim

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "gguf_builder.h"

namespace msmodelslim {
namespace {

using testing::ByteSink;
using testing::GgufBuilder;
using ::testing::HasSubstr;

GgufBuilder small() {
  GgufBuilder builder;
  builder.set("general.architecture", "llama")
      .set("n", 7U)
      .set("eps", 1e-5F)
      .set("flag", true)
      .set("words", std::vector<std::string>{"a", "", "\xe4\xb8\xad"})
      .set("ids", std::vector<std::int32_t>{3, -1})
      .tensor("w", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})
      .tensor("b", {2}, {-1, 0.5F});
  return builder;
}

// What is wrong with the file, "" when it is read.
std::string complaint(const std::vector<std::byte>& bytes) {
  try {
    parse_gguf(bytes, "x.gguf");
  } catch (const DataError& e) {
    return e.what();
  }
  return "";
}

TEST(GgufParse, ReadsMetadataAndTensors) {
  for (const std::uint32_t version : {2U, 3U}) {
    GgufBuilder builder = small();
    builder.version = version;
    const std::vector<std::byte> bytes = builder.build();
    const GgufHeader header = parse_gguf(bytes, "x.gguf");
    const GgufMetadata& metadata = header.metadata;
    EXPECT_EQ(metadata.need_string("general.architecture"), "llama");
    EXPECT_EQ(metadata.need_integer("n"), 7);
    EXPECT_EQ(metadata.need_number("n"), 7.0);
    EXPECT_EQ(metadata.need_number("eps"), static_cast<double>(1e-5F));
    EXPECT_TRUE(metadata.bool_or("flag", false));
    EXPECT_FALSE(metadata.bool_or("absent", false));
    EXPECT_EQ(metadata.need_array("words", GgufKind::kString).strings[2], "\xe4\xb8\xad");
    EXPECT_EQ(metadata.need_array("ids", GgufKind::kI32).integer_at(1), -1);
    ASSERT_EQ(header.tensors.size(), 2U);
    EXPECT_EQ(header.tensors[0].shape, (Shape{2, 4}));
    EXPECT_EQ(header.tensors[0].size, 32U);
    EXPECT_EQ(header.tensors[1].offset, header.tensors[0].offset + 32);
    float row[4];
    header.tensors[0].type->decode(bytes.data() + header.tensors[0].offset + 16, 4, row);
    EXPECT_EQ(row[0], 5.0F);
  }
}

TEST(GgufParse, GettersNameTheKey) {
  const std::vector<std::byte> bytes = small().build();
  const GgufMetadata metadata = parse_gguf(bytes, "x.gguf").metadata;
  EXPECT_THAT([&] { metadata.need_integer("absent"); },
              ::testing::ThrowsMessage<DataError>(HasSubstr("\"absent\" is missing")));
  EXPECT_THAT([&] { metadata.need_integer("eps"); },
              ::testing::ThrowsMessage<DataError>(HasSubstr("\"eps\" does not hold an integer")));
  EXPECT_THROW(metadata.need_array("words", GgufKind::kI32), DataError);
  EXPECT_THROW(metadata.need_array("ids", GgufKind::kI32).strings.at(0), std::out_of_range);
}

TEST(GgufParse, RefusesEveryCut) {
  std::vector<std::byte> bytes = small().build();
  bytes.resize(bytes.size() - 24);  // padding behind the last tensor, which may be missing
  EXPECT_EQ(complaint(bytes), "");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(complaint(cut), "") << size << " of " << bytes.size() << " bytes";
  }
}

TEST(GgufParse, RefusesWrongStart) {
  std::vector<std::byte> bytes = small().build();
  bytes[0] = std::byte{'g'};
  EXPECT_THAT(complaint(bytes), HasSubstr("not a GGUF file"));
  GgufBuilder builder = small();
  builder.version = 1;
  EXPECT_THAT(complaint(builder.build()), HasSubstr("GGUF version 1"));
  builder.version = 0x03000000;
  EXPECT_THAT(complaint(builder.build()), HasSubstr("big-endian"));
}

TEST(GgufParse, RefusesCountsThatCannotFit) {
  GgufBuilder entries = small();
  entries.extra_entries = 1ULL << 60;
  EXPECT_THAT(complaint(entries.build()), HasSubstr("metadata entries cannot fit"));
  GgufBuilder tensors = small();
  tensors.extra_tensors = 1ULL << 60;
  EXPECT_THAT(complaint(tensors.build()), HasSubstr("tensors cannot fit"));
  for (const GgufKind kind : {GgufKind::kU8, GgufKind::kF64, GgufKind::kString, GgufKind::kArray}) {
    GgufBuilder values = small();
    values.array("many", kind, 1ULL << 60, [](ByteSink&) {});
    EXPECT_THAT(complaint(values.build()), HasSubstr("values of \"many\" cannot fit"));
  }
  GgufBuilder text = small();
  text.entry("long", GgufKind::kString, [](ByteSink& out) { out.number(~std::uint64_t{0}); });
  EXPECT_THAT(complaint(text.build()), HasSubstr("long needs"));
}

TEST(GgufParse, RefusesOddMetadata) {
  GgufBuilder twice = small();
  twice.allow_duplicate_keys().set("n", 8U);
  EXPECT_THAT(complaint(twice.build()), HasSubstr("\"n\" appears twice"));
  GgufBuilder kind = small();
  kind.entry("k", static_cast<GgufKind>(13), [](ByteSink& out) { out.number(0); });
  EXPECT_THAT(complaint(kind.build()), HasSubstr("unknown kind 13"));
  for (const std::uint32_t alignment : {0U, 3U, 1U << 24}) {
    GgufBuilder builder = small();
    builder.set("general.alignment", alignment);
    EXPECT_THAT(complaint(builder.build()), HasSubstr("general.alignment is"));
  }
  GgufBuilder large = small();
  large.entry("k", GgufKind::kU64, [](ByteSink& out) { out.number(~std::uint64_t{0}); });
  EXPECT_THAT(complaint(large.build()), HasSubstr("too large"));
  GgufBuilder deep = small();
  deep.array("deep", GgufKind::kArray, 1, [](ByteSink& out) {
    for (int i = 0; i < 8; ++i) out.number<std::uint32_t>(9).number<std::uint64_t>(1);
    out.number<std::uint32_t>(0).number<std::uint64_t>(0);
  });
  EXPECT_THAT(complaint(deep.build()), HasSubstr("nests arrays"));
}

TEST(GgufParse, RefusesTensorsOutOfPlace) {
  GgufBuilder far = small();
  far.find("b").offset = 1 << 20;
  EXPECT_THAT(complaint(far.build()), HasSubstr("tensor \"b\" (F32 [2]) needs bytes 1048576"));
  GgufBuilder wrapped = small();
  wrapped.find("b").offset = std::int64_t{0x7fffffffffffffe0};
  EXPECT_THAT(complaint(wrapped.build()), HasSubstr("tensor \"b\""));
  GgufBuilder overlap = small();
  overlap.find("b").offset = 0;
  EXPECT_THAT(complaint(overlap.build()), HasSubstr("overlap"));
  GgufBuilder odd = small();
  odd.find("b").offset = 36;
  EXPECT_THAT(complaint(odd.build()), HasSubstr("not a multiple of the alignment 32"));
  GgufBuilder twice = small();
  twice.find("b").name = "w";
  EXPECT_THAT(complaint(twice.build()), HasSubstr("\"w\" appears twice"));
}

TEST(GgufParse, RefusesOddShapesAndTypes) {
  GgufBuilder type = small();
  type.find("w").type = 23;
  EXPECT_THAT(complaint(type.build()), HasSubstr("tensor \"w\" has type IQ4_XS"));
  type.find("w").type = 1000;
  EXPECT_THAT(complaint(type.build()), HasSubstr("tensor \"w\" has type number 1000"));
  GgufBuilder block = small();
  block.find("w").type = 2;
  EXPECT_THAT(complaint(block.build()), HasSubstr("not whole blocks of 32 (Q4_0)"));
  for (const std::vector<std::uint64_t>& dims : std::vector<std::vector<std::uint64_t>>{
           {}, {1, 1, 1, 1, 1}, {0}, {1ULL << 60}, {1ULL << 40, 1ULL << 40}}) {
    GgufBuilder shape = small();
    shape.find("w").dims = dims;
    EXPECT_THAT(complaint(shape.build()), HasSubstr("tensor \"w\": "));
  }
}

}  // namespace
}  // namespace msmodelslim

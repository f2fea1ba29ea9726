#include "base/hash.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace msmodelslim {
namespace {

// Texts as `printf ... | xxhsum -H2` and `sha256sum` print them.
TEST(Hash128, IsWhatXxhsumPrints) {
  EXPECT_EQ(hash128_bytes("", 0).text(), "99aa06d3014798d86001c324468d497f");
  const Hash128 hash = hash128_bytes("abc", 3);
  EXPECT_EQ(hash.text(), "06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(hash128_from_text(hash.text()), hash);
  EXPECT_NE(hash128_from_text("99aa06d3014798d86001c324468d497f"), hash);
}

TEST(Hash128, RefusesOtherTexts) {
  for (const char* text : {"", "06b05ab6733a6185", "06b05ab6733a618578af5f94892f395g",
                           "06b05ab6733a618578af5f94892f39500"})
    EXPECT_THROW(hash128_from_text(text), DataError) << text;
}

TEST(Sha256, IsWhatSha256sumPrints) {
  const std::string path =
      (fs::temp_directory_path() / ("msmodelslim_hash_" + std::to_string(::getpid()))).string();
  write_file_atomic(path, "abc");
  EXPECT_EQ(sha256_of_file(path),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // Longer than one piece.
  write_file_atomic(path, std::string(3'000'000, 'a'));
  EXPECT_EQ(sha256_of_file(path),
            "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4");
  fs::remove(path);
  EXPECT_THROW(sha256_of_file(path), DataError);
}

}  // namespace
}  // namespace msmodelslim

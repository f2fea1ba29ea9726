#include "base/fnmatch.h"

#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

TEST(PythonFnmatch, FollowsPython) {
  EXPECT_TRUE(python_fnmatch("model.layers.0.mlp.up_proj", "*mlp*"));
  EXPECT_TRUE(python_fnmatch("mlp", "*mlp*"));  // a star may be empty
  EXPECT_TRUE(python_fnmatch(".hidden", "*"));
  EXPECT_TRUE(python_fnmatch("", "**"));
  EXPECT_FALSE(python_fnmatch("model.layers.0.mlp", "mlp*"));
  EXPECT_FALSE(python_fnmatch("Mlp", "mlp"));
  EXPECT_TRUE(python_fnmatch("layers.12", "layers.1?"));
  EXPECT_FALSE(python_fnmatch("layers.1", "layers.1?"));
  EXPECT_TRUE(python_fnmatch("layers.2", "layers.[0-2]"));
  EXPECT_FALSE(python_fnmatch("layers.3", "layers.[0-2]"));
  EXPECT_TRUE(python_fnmatch("layers.3", "layers.[!0-2]"));
  EXPECT_TRUE(python_fnmatch("a]", "a[]]"));
  EXPECT_TRUE(python_fnmatch("a[1", "a[1"));
  EXPECT_FALSE(python_fnmatch("ab", "{ab,c}"));  // no braces
  EXPECT_TRUE(python_fnmatch("x.o_proj.o_proj", "*o_proj"));
}

}  // namespace
}  // namespace msmodelslim

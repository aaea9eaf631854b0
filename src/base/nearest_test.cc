#include "base/nearest.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

TEST(Nearest, CountsWhatAHandGetsWrong) {
  EXPECT_EQ(edit_distance("region", "region"), 0u);
  EXPECT_EQ(edit_distance("regoin", "region"), 1u);      // two neighbours swapped
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("vualt", "vaults"), 2u);
}

TEST(Nearest, OffersOnlyWhatIsNear) {
  EXPECT_EQ(nearest("regoin", {"endpoint", "region"}), "region");
  EXPECT_EQ(nearest("xyz", {"endpoint", "region"}), "");
  EXPECT_EQ(nearest("", {"a"}), "");
  EXPECT_EQ(nearest(std::string(65, 'a'), {std::string(65, 'a')}), "");
}

}  // namespace
}  // namespace hf

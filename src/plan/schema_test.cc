#include "plan/schema.h"

#include <gtest/gtest.h>

#include <fstream>

#include "plan/fields.h"
#include "plan/testing_plans.h"

namespace hf::plan {
namespace {

// Every object of the schema that lists properties forbids others and requires only what it lists.
void check_objects(const Json& at, const std::string& where, int& objects) {
  if (const Json* properties = at.find("properties"); properties != nullptr && at.find("type") != nullptr) {
    ++objects;
    for (const Json& name : at["required"].items()) {
      EXPECT_NE(properties->find(name.as_string()), nullptr) << where << ": " << name.as_string();
    }
  }
  for (const auto& [key, value] : at.members()) check_objects(value, where + "/" + key, objects);
  for (const Json& item : at.items()) check_objects(item, where + "[]", objects);
}

void check_references(const Json& at, const Json& definitions) {
  if (const Json* ref = at.find("$ref"); ref != nullptr) {
    std::string name = ref->as_string().substr(std::string("#/definitions/").size());
    EXPECT_NE(definitions.find(name), nullptr) << name;
  }
  for (const auto& [key, value] : at.members()) check_references(value, definitions);
  for (const Json& item : at.items()) check_references(item, definitions);
}

TEST(Schema, IsSound) {
  Json s = schema();
  EXPECT_EQ(s["$schema"].as_string(), "http://json-schema.org/draft-07/schema#");
  EXPECT_EQ(s["additionalProperties"], Json(false));
  int objects = 0;
  check_objects(s, "", objects);
  EXPECT_GT(objects, 50);
  check_references(s, s["definitions"]);
  EXPECT_EQ(s["definitions"]["step"]["oneOf"].items().size(), std::variant_size_v<Action>);
  EXPECT_EQ(s["definitions"]["component"]["oneOf"].items().size(), 4U);
  Json required = s["required"];
  EXPECT_EQ(required.items().size(), 4U);
}

TEST(Explain, KnowsFieldsByPathRulesAndIds) {
  for (const char* what : {"failover.steps.fence", "failover.steps.3.fence", "components.orders-db.backups.keep",
                           "components.backups.2.keep", "communication.severities.P1.briefing.every", "plan",
                           "HF2004", "promotion-without-fence", "drills.isolate"}) {
    Result<std::string> text = explain(what);
    ASSERT_TRUE(text.has_value()) << what << ": " << text.error().text;
    EXPECT_GT(text->size(), 20U) << what;
  }
  EXPECT_NE(explain("HF2004")->find("Why:"), std::string::npos);
  EXPECT_NE(explain("vaults.key")->find("sensitive"), std::string::npos);
  EXPECT_NE(explain("failover.stps").error().hint.find("steps"), std::string::npos);
  EXPECT_NE(explain("single-aprover").error().hint.find("single-approver"), std::string::npos);
  EXPECT_FALSE(explain("vaults.main.url.deeper").has_value());
  EXPECT_FALSE(explain("HF9999").has_value());
}

TEST(Explain, EveryRuleExplainsItself) {
  for (const Rule& rule : rules()) EXPECT_EQ(*explain(rule.id), *explain(rule.slug)) << rule.id;
}

// docs/plan.md holds the reference between two markers; after a change of the table, copy the file that this test
// names.
TEST(Documentation, HoldsEveryFieldAndRule) {
  const std::string begin = "<!-- reference: begin -->\n", end = "<!-- reference: end -->";
  std::string page = testing::read_text(std::string(HF_SOURCE_DIR) + "/docs/plan.md");
  std::size_t from = page.find(begin), to = page.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos && from < to);
  from += begin.size();
  std::string fresh = page.substr(0, from) + reference_markdown() + page.substr(to);
  std::string path = ::testing::TempDir() + "holdfast-plan.md";
  if (fresh != page) std::ofstream(path) << fresh;
  EXPECT_TRUE(fresh == page) << "docs/plan.md is behind the table of fields: cp " << path << " docs/plan.md";
}

}  // namespace
}  // namespace hf::plan

#include <gtest/gtest.h>

#include "base/markup.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

TEST(Xml, ReadsWhatStoresAnswer) {
  auto root = parse_xml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://x/\"><Name>b</Name>"
      "<Contents><Key>a&amp;b&#x20ac;&#65;</Key><Size>3</Size></Contents><Empty/><Contents>\n</Contents>"
      "<a:Owner t='1' ></a:Owner></ListBucketResult>\n");
  ASSERT_TRUE(root) << root.error().text;
  EXPECT_EQ(root->name, "ListBucketResult");
  EXPECT_EQ(root->children.size(), 5u);
  EXPECT_EQ(root->value("Name"), "b");
  EXPECT_EQ(root->find("Contents")->value("Key"),
            "a&b\xe2\x82\xac"
            "A");
  EXPECT_EQ(root->value("Empty"), "");
  EXPECT_NE(root->find("Owner"), nullptr);
  EXPECT_EQ(root->find("absent"), nullptr);
  EXPECT_EQ(markup_escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
}

TEST(Xml, RefusesWhatIsNot) {
  for (const char* wrong : {"",
                            " ",
                            "<",
                            "a",
                            "<a",
                            "<a>",
                            "<a></b>",
                            "<a></a><b/>",
                            "<a></a>x",
                            "<a b></a>",
                            "<a b=c></a>",
                            "<a b='></a>",
                            "<a>&none;</a>",
                            "<a>&#0;</a>",
                            "<a>&#xd800;</a>",
                            "<a>&#x110000;</a>",
                            "<a>&amp</a>",
                            "<a>&#99999999999;</a>",
                            "<a>\x01</a>",
                            "<a>\xff</a>",
                            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
                            "<a><!-- --></a>",
                            "<a><![CDATA[x]]></a>",
                            "<?xml version='1.0'",
                            "<1/>",
                            "<a b='1'c='2'/>",
                            "<a b='<'/>",
                            "<a/ >",
                            "<?pi x?><a/>"}) {
    auto root = parse_xml(wrong);
    ASSERT_FALSE(root) << wrong;
    EXPECT_EQ(root.error().kind, ErrorKind::kCorrupt) << wrong;
  }
}

TEST(Xml, HasLimits) {
  const auto nested = [](std::size_t depth) {
    std::string open, close;
    for (std::size_t i = 0; i < depth; ++i) {
      open += "<a>";
      close += "</a>";
    }
    return open + close;
  };
  EXPECT_TRUE(parse_xml(nested(kXmlDepthLimit)));
  EXPECT_FALSE(parse_xml(nested(kXmlDepthLimit + 1)));
  EXPECT_FALSE(parse_xml(nested(100'000)));
  std::string many = "<a>";
  for (std::size_t i = 0; i < kXmlElementLimit; ++i) many += "<b/>";
  EXPECT_FALSE(parse_xml(many + "</a>"));
  EXPECT_FALSE(parse_xml("<a>" + std::string(kXmlLimitBytes, 'x') + "</a>"));
  EXPECT_FALSE(parse_xml("<" + std::string(200, 'x') + "/>"));
}

}  // namespace
}  // namespace hf::remote

// The field table as JSON Schema draft-07. Forms of an object (kinds of components, actions of steps) become `oneOf`.
#include "plan/schema.h"

#include <algorithm>
#include <set>

#include "plan/fields.h"

namespace hf::plan {
namespace {

constexpr const char* kDuration = "([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d|w|mo|y))+";
constexpr const char* kClock = "([0-9]{2}:[0-9]{2} [A-Za-z_/+-]+)";

Json text_schema() { return Json::object().set("type", "string"); }

Json pattern_schema(const std::string& pattern) { return text_schema().set("pattern", "^" + pattern + "$"); }

Json words_schema(const std::vector<std::string>& words) {
  Json list = Json::array();
  for (const std::string& w : words) list.push(w);
  return Json::object().set("enum", std::move(list));
}

Json list_schema(Json items) { return Json::object().set("type", "array").set("items", std::move(items)); }

Json word_or(const char* word, Json other) {
  return Json::object().set("anyOf", Json::array().push(Json::object().set("const", word)).push(std::move(other)));
}

Json map_schema(Json values) {
  return Json::object().set("type", "object").set("additionalProperties", std::move(values));
}

std::string definition_name(const ObjectType& type) {
  std::string out = type.name;
  std::ranges::replace(out, ' ', '-');
  return out;
}

class SchemaWriter {
 public:
  Json root() {
    Json out = Json::object().set("$schema", "http://json-schema.org/draft-07/schema#").set("title", "Holdfast plan");
    Json top = object_schema(plan_type());
    for (const auto& [key, value] : top.members()) out.set(key, value);
    return out.set("definitions", definitions_);
  }

 private:
  Json reference(const ObjectType& type) {
    std::string name = definition_name(type);
    if (started_.insert(name).second) {
      Json definition = object_schema(type);
      definitions_.set(name, std::move(definition));
    }
    return Json::object().set("$ref", "#/definitions/" + name);
  }

  Json type_schema(const Type& type, const Note& note) {
    switch (type.shape) {
      case Shape::kText: return text_schema();
      case Shape::kDsn: return text_schema();
      case Shape::kWord: return words_schema(type.words);
      case Shape::kInteger: return Json::object().set("type", "integer").set("minimum", note.positive ? 1 : 0);
      case Shape::kBoolean: return Json::object().set("type", "boolean");
      case Shape::kDuration: return pattern_schema(kDuration);
      case Shape::kClock: return pattern_schema("((Sun|Mon|Tue|Wed|Thu|Fri|Sat) )?" + std::string(kClock));
      case Shape::kWindow: return pattern_schema("[0-9]{2}:[0-9]{2}-" + std::string(kClock));
      case Shape::kRetention: return pattern_schema("(forever|" + std::string(kDuration) + ")");
      case Shape::kMoney: return pattern_schema("[0-9]+(\\.[0-9]{2})? [A-Z]{3}/(hour|day|month|year)");
      case Shape::kDate: return pattern_schema("[0-9]{4}-[0-9]{2}-[0-9]{2}");
      case Shape::kSecret: return pattern_schema("(env|file|command):.+");
      case Shape::kSelection: return word_or("all", list_schema(text_schema()));
      case Shape::kParticipants: return word_or("automated", list_schema(text_schema()));
      case Shape::kIsolation: return word_or("namespace", isolation_schema());
      case Shape::kPairs: return map_schema(Json::object());
      case Shape::kAlerts:
        return map_schema(list_schema(text_schema())).set("propertyNames", words_schema(alert_words()));
      case Shape::kList: return list_schema(type_schema(type.element[0], note));
      case Shape::kNamed:
        return map_schema(reference(*type.object())).set("propertyNames", pattern_schema("[A-Za-z0-9_-]+"));
      case Shape::kObject: return reference(*type.object());
    }
    return Json::object();
  }

  Json isolation_schema() {
    Json fields = Json::object().set("terraform", text_schema()).set("vars", map_schema(Json::object()));
    return Json::object()
        .set("type", "object")
        .set("properties", std::move(fields))
        .set("required", Json::array().push("terraform"));
  }

  Json field_schema(const Field& field) {
    Json type = type_schema(field.type, field.note);
    // Draft-07 ignores what stands beside a $ref, so the description goes around it.
    if (type.find("$ref") != nullptr) type = Json::object().set("allOf", Json::array().push(std::move(type)));
    std::string doc =
        field.note.doc +
        (field.note.example.empty() ? "" : " (example: " + field.name + ": " + field.note.example + ")");
    return type.set("description", doc);
  }

  Json object_schema(const ObjectType& type) {
    if (type.variants.empty()) return form_schema(type, nullptr);
    Json forms = Json::array();
    for (const Variant& v : type.variants) forms.push(form_schema(type, &v));
    return Json::object().set("description", type.doc).set("oneOf", std::move(forms));
  }

  Json form_schema(const ObjectType& type, const Variant* variant) {
    std::vector<const Field*> fields;
    for (const Field& f : type.fields) fields.push_back(&f);
    if (variant != nullptr) {
      for (const Field& f : variant->fields()->fields) fields.push_back(&f);
    }
    Json properties = Json::object(), required = Json::array();
    for (const Field* f : fields) {
      bool tag = variant != nullptr && f->name == type.variant_key;
      properties.set(f->name, tag ? Json::object().set("const", variant->tag) : field_schema(*f));
      if (f->note.required) required.push(f->name);
    }
    Json out = Json::object()
                   .set("description", variant != nullptr ? variant->fields()->doc : type.doc)
                   .set("type", "object");
    out.set("properties", std::move(properties)).set("additionalProperties", false);
    if (!required.items().empty()) out.set("required", std::move(required));
    if (Json rules = group_schema(fields); !rules.items().empty()) out.set("allOf", std::move(rules));
    return out;
  }

  Json group_schema(const std::vector<const Field*>& fields) {
    Json out = Json::array();
    std::set<std::string> seen;
    for (const Field* f : fields) {
      const std::string& group = f->note.group;
      if (group.empty() || !seen.insert(group).second) continue;
      Json choices = Json::array(), any = Json::array();
      for (const Field* other : fields) {
        if (other->note.group != group) continue;
        Json one = Json::object().set("required", Json::array().push(other->name));
        choices.push(one);
        any.push(std::move(one));
      }
      if (group[0] == '?') choices.push(Json::object().set("not", Json::object().set("anyOf", std::move(any))));
      out.push(Json::object().set("oneOf", std::move(choices)));
    }
    return out;
  }

  Json definitions_ = Json::object();
  std::set<std::string> started_;
};

}  // namespace

Json schema() { return SchemaWriter().root(); }

}  // namespace hf::plan

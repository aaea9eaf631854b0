// The one table of fields: what a plan may say. Reading, the schema, `explain` and the documentation are driven by
// it.
//
// An ObjectType is a map of the plan; its Fields bind keys to members of a struct. `object_of<T>()` is the type of T;
// its definitions stand in fields_*.cc and read like the documentation of the plan.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/enums.h"
#include "plan/yaml.h"

namespace hf::plan {

enum class Shape : std::uint8_t {
  kText,
  kWord,
  kInteger,
  kBoolean,
  kDuration,
  kClock,
  kWindow,
  kRetention,
  kMoney,
  kDate,
  kSecret,
  kDsn,
  kSelection,
  kParticipants,
  kIsolation,
  kPairs,
  kAlerts,
  kList,
  kNamed,
  kObject,
};
std::string_view to_string(Shape shape);  // "duration", for people

// What a name points at. The last ones depend on what is around them and are resolved in names.cc.
enum class Refers : std::uint8_t {
  kNothing,
  kClass,
  kRegion,
  kVault,
  kComponent,
  kService,
  kHealth,
  kGroup,
  kChannel,
  kSeverity,
  kTemplate,
  kStep,
  kTarget,
  kReceiver,
  kAcknowledger,
};
std::string_view to_string(Refers refers);  // "region"

struct ObjectType;

struct Type {
  Shape shape = Shape::kText;
  std::vector<std::string> words;           // kWord, or a list of words
  const ObjectType* (*object)() = nullptr;  // kObject, kNamed, and lists of objects
  std::vector<Type> element;                // kList: one
};

// What a field says about itself beside its type.
struct Note {
  std::string doc;
  std::string example = {};  // YAML, of the value
  bool required = false;
  Refers refers = Refers::kNothing;
  std::string group = {};               // exactly one field of the group must be there; "?name": at most one
  std::vector<std::string> words = {};  // a closed vocabulary for texts
  bool dsn = false;
  bool positive = false;  // zero is not allowed
};

class Reader;

struct Field {
  std::string name;
  Note note;
  Type type;
  std::function<void(Reader&, const Node&, const std::string& path, const Field&, void* object)> read;
};

// One form of an object that has several, with the fields of its own.
struct Variant {
  std::string tag;
  const ObjectType* (*fields)() = nullptr;
  std::function<void*(void* object)> emplace;
};

struct ObjectType {
  std::string name;
  std::string doc;
  std::vector<Field> fields;
  std::string variant_key;  // "kind": the value of this key chooses; empty: the key itself is the tag
  std::vector<Variant> variants;
  std::function<void(void* object, const std::string& name, const Place& place)> identify;  // sets name and place
  std::function<void(Reader&, const Node&, const std::string& path, const void* object)>
      check;  // beyond single fields

  const Field* find(std::string_view field) const;
};

// Defined for each struct of the plan in fields_*.cc.
template <class T>
const ObjectType& object_of();

const ObjectType& plan_type();  // the root

const std::vector<std::string>& alert_words();  // events that may alert

// A name as it was written, to be found in the plan after reading.
struct Reference {
  Refers refers = Refers::kNothing;
  std::string name;
  Place place;
};

// What reading collects.
class Reader {
 public:
  std::vector<Finding> findings;
  std::vector<Reference> references;
  std::map<std::string, Place, std::less<>> places;

  void report(std::string_view rule, Place place, const std::string& path, std::string message,
              std::string hint = {});
  // The text of a scalar that may be used as a value; nullopt (and a finding) for anything else.
  std::optional<std::string> scalar(const Node& node, const std::string& path, const Field& field);
  // A list's items or the one scalar; false (and a finding) for a map.
  bool is_list(const Node& node, const std::string& path, const Field& field);
  bool is_map(const Node& node, const std::string& path, const std::string& what);
  void refer(const Field& field, const std::string& name, const Node& node, const std::string& path);
  void object(const ObjectType& type, const Node& node, const std::string& path, void* out);

 private:
  struct Bound {
    const Field* field;
    void* object;
  };
  const Variant* choose(const ObjectType& type, const Node& node, const std::string& path);
  void check_groups(const std::vector<Bound>& fields, const Node& node, const std::string& path);
  void unknown_key(const ObjectType& type, const std::vector<Bound>& fields, const Member& member,
                   const std::string& path);
};

// The path of a list's item: its name where it has one, else its position.
std::string item_path(const std::string& path, const Node& item, std::size_t position);
// Where to point at a list's item: its name where it has one.
Place item_place(const Node& item);

}  // namespace hf::plan

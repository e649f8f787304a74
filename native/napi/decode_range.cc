#include "napi/decode_range.h"

#include <utility>

#include "core/status.h"
#include "napi/fields.h"

namespace retemper {
namespace {

Packing DecodePacking(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "packing");
  Packing packing;
  packing.bits = static_cast<uint8_t>(fields::Whole(object, "bits", 8));
  packing.along_rows = fields::Bool(object, "alongRows");
  packing.high_first = fields::Has(object, "highFirst") && fields::Bool(object, "highFirst");
  packing.interleaved = fields::Has(object, "interleaved") && fields::Bool(object, "interleaved");
  packing.step = fields::Whole(object, "step");
  packing.pitch = fields::Whole(object, "pitch");
  return packing;
}

int32_t DecodeAdd(const Napi::Object& object) {
  if (!fields::Has(object, "add")) return 0;
  const double add = fields::Number(object, "add");
  if (!(add >= -256 && add <= 256) || add != std::floor(add))
    fields::Wrong("add", "a whole number from -256 to 256");
  return static_cast<int32_t>(add);
}

Grid DecodeGrid(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "a grid");
  Grid grid;
  grid.range = DecodeRange(object.Get("range"));
  grid.row_block = fields::Whole(object, "rowBlock");
  grid.col_block = fields::Whole(object, "colBlock");
  grid.row_stride = fields::Whole(object, "rowStride");
  grid.col_stride = fields::Whole(object, "colStride");
  grid.packing = fields::Optional(object, "packing", DecodePacking);
  grid.add = DecodeAdd(object);
  grid.wraps = fields::Has(object, "wraps") && fields::Bool(object, "wraps");
  return grid;
}

std::vector<float> DecodeTable(const Napi::Object& object) {
  std::vector<float> table;
  for (const double each : fields::Numbers(object, "table"))
    table.push_back(static_cast<float>(each));
  return table;
}

Codes::Nested DecodeNested(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "nested");
  Codes::Nested nested;
  nested.absmax = DecodeRange(object.Get("absmax"));
  nested.block = fields::Whole(object, "block");
  nested.table = DecodeTable(object);
  nested.plus = fields::Float(object, "plus");
  return nested;
}

Codes DecodeCodes(const Napi::Object& object) {
  Codes codes;
  codes.kind = fields::OneOf<CodeKind>(object, "kind",
                                       {{"unsigned", CodeKind::kUnsigned},
                                        {"signed8", CodeKind::kSigned8},
                                        {"e4m3", CodeKind::kE4M3},
                                        {"e5m2", CodeKind::kE5M2},
                                        {"table", CodeKind::kTable}});
  codes.packing = DecodePacking(object.Get("packing"));
  if (codes.kind == CodeKind::kTable) codes.table = DecodeTable(object);
  codes.add = DecodeAdd(object);
  codes.rows = fields::Whole(object, "rows");
  codes.cols = fields::Whole(object, "cols");
  codes.groups = fields::Whole(object, "groups");
  codes.scale = DecodeGrid(object.Get("scale"));
  codes.zero = fields::Optional(object, "zero", DecodeGrid);
  codes.group_of_column = fields::Optional(object, "groupOfColumn", DecodeRange);
  codes.nested = fields::Optional(object, "nested", DecodeNested);
  if (fields::Has(object, "factor")) codes.factor = fields::Float(object, "factor");
  if (fields::Has(object, "product")) codes.product = fields::DtypeAt(object, "product");
  return codes;
}

ViewSide DecodeSide(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "a side");
  return {fields::Whole(object, "length"), fields::Whole(object, "stride")};
}

Encoding DecodeEncoding(const Napi::Object& object) {
  Encoding encoding;
  encoding.kind = fields::OneOf<EncodingKind>(object, "kind",
                                              {{"elements", EncodingKind::kElements},
                                               {"blocks", EncodingKind::kBlocks},
                                               {"codes", EncodingKind::kCodes}});
  if (encoding.kind == EncodingKind::kBlocks) {
    const auto format = BlockFormatNamed(fields::String(object, "blocks"));
    if (!format) fields::Wrong("blocks", "the name of a block format");
    encoding.blocks = *format;
  }
  if (encoding.kind == EncodingKind::kCodes)
    encoding.codes = DecodeCodes(fields::Object(object, "codes"));
  encoding.row = fields::Whole(object, "row");
  if (fields::Has(object, "interleave")) encoding.interleave = fields::Whole(object, "interleave");
  if (fields::Has(object, "transposed")) encoding.transposed = fields::Bool(object, "transposed");
  if (fields::Has(object, "view")) encoding.view = fields::List(object, "view", DecodeSide);
  if (fields::Has(object, "plus")) encoding.plus = fields::Number(object, "plus");
  return encoding;
}

}  // namespace

Range DecodeRange(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "range");
  Range range = {fields::Index(object, "input"), fields::Whole(object, "offset"),
                 fields::DtypeAt(object, "dtype"), fields::Whole(object, "count"), nullptr};
  if (fields::Has(object, "encoding")) {
    range.encoding =
        std::make_shared<const Encoding>(DecodeEncoding(fields::Object(object, "encoding")));
  }
  return range;
}

}  // namespace retemper

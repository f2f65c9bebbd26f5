// Four nested messages of protocol buffers, of which every field that matters has a length in front:
//   MetaGraphDef { map<string, SignatureDef> signature_def = 5; }
//   SignatureDef { map<string, TensorInfo> inputs = 1, outputs = 2; }
//   TensorInfo { string name = 1; }
//   an entry of a map { key = 1; value = 2; }
#include "signatures.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *at, *end;
} Bytes;

static void give_up(const char *what, const char *which) {
  fprintf(stderr, "The SavedModel cannot be read: %s %s.\n", what, which);
  exit(2);
}

static uint64_t read_varint(Bytes *bytes) {
  uint64_t value = 0;
  for (int shift = 0; bytes->at < bytes->end && shift < 64; shift += 7) {
    uint8_t byte = *bytes->at++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  give_up("a number", "ends early");
  return 0;
}

// The next field that has a length, of which `content` is what it holds; false at the end of the message.
static bool next_field(Bytes *message, uint64_t *number, Bytes *content) {
  while (message->at < message->end) {
    uint64_t tag = read_varint(message), length = 0;
    switch (tag & 7) {
      case 0: read_varint(message); continue;
      case 1: length = 8; break;
      case 2: length = read_varint(message); break;
      case 5: length = 4; break;
      default: give_up("a field", "of an unknown kind");
    }
    if (length > (uint64_t)(message->end - message->at)) give_up("a field", "ends early");
    *number = tag >> 3;
    *content = (Bytes){message->at, message->at + length};
    message->at += length;
    if ((tag & 7) == 2) return true;
  }
  return false;
}

static Bytes find_field(Bytes message, uint64_t wanted) {
  uint64_t number;
  Bytes content;
  while (next_field(&message, &number, &content))
    if (number == wanted) return content;
  return (Bytes){message.end, message.end};  // an empty field is left out
}

static char *copied(Bytes bytes) { return strndup((const char *)bytes.at, (size_t)(bytes.end - bytes.at)); }

static int count_fields(Bytes message, uint64_t wanted) {
  uint64_t number;
  Bytes content;
  int count = 0;
  while (next_field(&message, &number, &content)) count += number == wanted;
  return count;
}

// "name:3" is the fourth output of the operation of that name.
static TF_Output find_output(TF_Graph *graph, char *tensor) {
  char *colon = strrchr(tensor, ':');
  if (colon == NULL) give_up("no output is told by", tensor);
  *colon = 0;
  TF_Output output = {TF_GraphOperationByName(graph, tensor), atoi(colon + 1)};
  if (output.oper == NULL) give_up("the graph lacks the operation", tensor);
  free(tensor);
  return output;
}

static Place *read_places(Bytes signature, uint64_t field, TF_Graph *graph, int *number_of_places) {
  Place *places = calloc((size_t)count_fields(signature, field) + 1, sizeof(Place));
  uint64_t number;
  Bytes entry;
  *number_of_places = 0;
  while (next_field(&signature, &number, &entry)) {
    if (number != field) continue;
    char *tensor = copied(find_field(find_field(entry, 2), 1));
    places[(*number_of_places)++] = (Place){copied(find_field(entry, 1)), find_output(graph, tensor)};
  }
  return places;
}

Signature *read_signatures(const TF_Buffer *meta_graph, TF_Graph *graph, int *number_of_signatures) {
  Bytes message = {meta_graph->data, (const uint8_t *)meta_graph->data + meta_graph->length}, entry;
  Signature *signatures = calloc((size_t)count_fields(message, 5) + 1, sizeof(Signature));
  uint64_t number;
  *number_of_signatures = 0;
  while (next_field(&message, &number, &entry)) {
    if (number != 5) continue;
    char *name = copied(find_field(entry, 1));
    // The loader's own entry, which has no inputs.
    if (strcmp(name, "__saved_model_init_op") == 0) {
      free(name);
      continue;
    }
    Signature *signature = &signatures[(*number_of_signatures)++];
    signature->name = name;
    signature->inputs = read_places(find_field(entry, 2), 1, graph, &signature->num_inputs);
    signature->outputs = read_places(find_field(entry, 2), 2, graph, &signature->num_outputs);
  }
  return signatures;
}

const Signature *find_signature(const Signature *signatures, int number, const char *name) {
  for (int i = 0; i < number; i++)
    if (strcmp(signatures[i].name, name) == 0) return &signatures[i];
  return NULL;
}

const Place *find_place(const Place *places, int number, const char *name) {
  for (int i = 0; i < number; i++)
    if (strcmp(places[i].name, name) == 0) return &places[i];
  return NULL;
}

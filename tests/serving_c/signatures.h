// The signatures of a SavedModel: names of inputs and outputs, and where in the graph these are.
#ifndef SIGNATURES_H
#define SIGNATURES_H

#include <tensorflow/c/c_api.h>

typedef struct {
  char *name;
  TF_Output output;  // what is fed, or fetched
} Place;

typedef struct {
  char *name;
  Place *inputs, *outputs;
  int num_inputs, num_outputs;
} Signature;

// Reads all signatures from a serialized MetaGraphDef. Ends the program if there is something it cannot read.
Signature *read_signatures(const TF_Buffer *meta_graph, TF_Graph *graph, int *number);

const Signature *find_signature(const Signature *signatures, int number, const char *name);  // NULL if there is none
const Place *find_place(const Place *places, int number, const char *name);                  // NULL if there is none

#endif

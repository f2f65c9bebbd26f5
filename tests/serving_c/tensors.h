// Tensors of numbers and strings in files. Numbers are in the machine's own order.
//
//   text:    uint32 length, bytes
//   tensor:  uint32 type (TF_DataType), uint32 rank, int64 size of each dimension, content
//   content: of strings, for each one: uint64 length, bytes; of everything else: its bytes
#ifndef TENSORS_H
#define TENSORS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <tensorflow/c/c_api.h>

bool read_uint32(FILE *file, uint32_t *value);  // false at the end of the file
char *read_text(FILE *file);
TF_Tensor *read_tensor(FILE *file);

void write_uint32(FILE *file, uint32_t value);
void write_text(FILE *file, const char *text);
void write_tensor(FILE *file, const TF_Tensor *tensor);

// Whether two tensors are the same; floats may differ by 1e-5, and by 1e-5 of their size.
bool same_tensors(const TF_Tensor *one, const TF_Tensor *other);

// For tensors of `read_tensor`, whose strings TF_DeleteTensor does not free. Those of the session free their own, and may
// share them with a constant of the graph.
void delete_read_tensor(TF_Tensor *tensor);

#endif

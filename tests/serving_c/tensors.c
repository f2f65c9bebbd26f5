#include "tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 8 };

static void read_bytes(FILE *file, void *bytes, size_t length) {
  if (fread(bytes, 1, length, file) != length) {
    fprintf(stderr, "The input ends in the middle of a call.\n");
    exit(2);
  }
}

bool read_uint32(FILE *file, uint32_t *value) {
  size_t length = fread(value, 1, sizeof *value, file);
  if (length != 0 && length != sizeof *value) read_bytes(file, value, 1);  // reports the end
  return length != 0;
}

static uint32_t read_number(FILE *file) {
  uint32_t value;
  read_bytes(file, &value, sizeof value);
  return value;
}

char *read_text(FILE *file) {
  uint32_t length = read_number(file);
  char *text = calloc(length + 1, 1);
  read_bytes(file, text, length);
  return text;
}

static void read_string(FILE *file, TF_TString *string) {
  uint64_t length;
  read_bytes(file, &length, sizeof length);
  char *bytes = malloc(length + 1);
  read_bytes(file, bytes, length);
  TF_TString_Init(string);
  TF_TString_Copy(string, bytes, length);
  free(bytes);
}

TF_Tensor *read_tensor(FILE *file) {
  TF_DataType type = (TF_DataType)read_number(file);
  uint32_t rank = read_number(file);
  int64_t sizes[MAX_RANK];
  if (rank > MAX_RANK) {
    fprintf(stderr, "A tensor may have %d dimensions. Received: %u.\n", MAX_RANK, rank);
    exit(2);
  }
  read_bytes(file, sizes, rank * sizeof *sizes);
  size_t count = 1;
  for (uint32_t i = 0; i < rank; i++) count *= (size_t)sizes[i];
  // TensorFlow has no size for strings, which hold bytes elsewhere.
  size_t size = type == TF_STRING ? sizeof(TF_TString) : TF_DataTypeSize(type);
  TF_Tensor *tensor = TF_AllocateTensor(type, sizes, (int)rank, count * size);
  if (type == TF_STRING) {
    TF_TString *strings = TF_TensorData(tensor);
    for (size_t i = 0; i < count; i++) read_string(file, &strings[i]);
  } else {
    read_bytes(file, TF_TensorData(tensor), TF_TensorByteSize(tensor));
  }
  return tensor;
}

void write_uint32(FILE *file, uint32_t value) { fwrite(&value, sizeof value, 1, file); }

void write_text(FILE *file, const char *text) {
  write_uint32(file, (uint32_t)strlen(text));
  fputs(text, file);
}

void write_tensor(FILE *file, const TF_Tensor *tensor) {
  write_uint32(file, TF_TensorType(tensor));
  write_uint32(file, (uint32_t)TF_NumDims(tensor));
  for (int i = 0; i < TF_NumDims(tensor); i++) {
    int64_t size = TF_Dim(tensor, i);
    fwrite(&size, sizeof size, 1, file);
  }
  if (TF_TensorType(tensor) != TF_STRING) {
    fwrite(TF_TensorData(tensor), 1, TF_TensorByteSize(tensor), file);
    return;
  }
  const TF_TString *strings = TF_TensorData(tensor);
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++) {
    uint64_t length = TF_TString_GetSize(&strings[i]);
    fwrite(&length, sizeof length, 1, file);
    fwrite(TF_TString_GetDataPointer(&strings[i]), 1, length, file);
  }
}

static bool same_strings(const TF_TString *one, const TF_TString *other) {
  size_t length = TF_TString_GetSize(one);
  return length == TF_TString_GetSize(other) &&
         memcmp(TF_TString_GetDataPointer(one), TF_TString_GetDataPointer(other), length) == 0;
}

bool same_tensors(const TF_Tensor *one, const TF_Tensor *other) {
  TF_DataType type = TF_TensorType(one);
  if (type != TF_TensorType(other) || TF_NumDims(one) != TF_NumDims(other)) return false;
  for (int i = 0; i < TF_NumDims(one); i++)
    if (TF_Dim(one, i) != TF_Dim(other, i)) return false;
  const void *a = TF_TensorData(one), *b = TF_TensorData(other);
  if (type != TF_STRING && type != TF_FLOAT) return memcmp(a, b, TF_TensorByteSize(one)) == 0;
  for (int64_t i = 0; i < TF_TensorElementCount(one); i++) {
    if (type == TF_STRING) {
      if (!same_strings((const TF_TString *)a + i, (const TF_TString *)b + i)) return false;
    } else {
      float x = ((const float *)a)[i], y = ((const float *)b)[i];
      if (!(fabsf(x - y) <= 1e-5f * fmaxf(1.0f, fabsf(y)))) return false;
    }
  }
  return true;
}

void delete_read_tensor(TF_Tensor *tensor) {
  if (TF_TensorType(tensor) == TF_STRING) {
    TF_TString *strings = TF_TensorData(tensor);
    for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++) TF_TString_Dealloc(&strings[i]);
  }
  TF_DeleteTensor(tensor);
}

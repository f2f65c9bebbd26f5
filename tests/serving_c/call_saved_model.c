// Calls a SavedModel without Python: the loader and the runtime that a model server is made of.
//
//   call_saved_model MODEL LIBRARY... < calls > answers
//   call_saved_model --threads 16 --seconds 60 MODEL LIBRARY... < calls
//
// MODEL is the directory of a version; each LIBRARY adds operations. The first form answers one call after the other.
// In the second, all threads make the calls over and over on one session; for each second (each tenth, after a minute)
// it prints how many were answered, how many failed, how many were answered otherwise than at first, and the KiB of
// memory that the process holds.
//
//   call:   text signature, uint32 number of inputs, for each: text name, tensor (see tensors.h)
//   answer: uint32 code (TF_Code), text message, uint32 number of outputs, for each: text name, tensor
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "signatures.h"
#include "tensors.h"

enum { MAX_INPUTS = 16, MAX_OUTPUTS = 32, MAX_CALLS = 4096, MAX_THREADS = 256 };

typedef struct {
  char *signature;
  uint32_t num_inputs;
  char *names[MAX_INPUTS];
  TF_Tensor *inputs[MAX_INPUTS];
} Call;

typedef struct {
  const Signature *signature;  // NULL where there is none of that name
  TF_Tensor *outputs[MAX_OUTPUTS];
} Answer;

static TF_Session *session;
static Signature *signatures;
static int num_signatures;

static void check(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s: %s\n", what, TF_Message(status));
  exit(2);
}

static void load(const char *model, char **libraries) {
  TF_Status *status = TF_NewStatus();
  for (; *libraries != NULL; libraries++) {
    TF_LoadLibrary(*libraries, status);
    check(status, *libraries);
  }
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Buffer *meta_graph = TF_NewBuffer();
  const char *tags[] = {"serve"};
  session = TF_LoadSessionFromSavedModel(options, NULL, model, tags, 1, graph, meta_graph, status);
  check(status, model);
  signatures = read_signatures(meta_graph, graph, &num_signatures);
  TF_DeleteBuffer(meta_graph);
  TF_DeleteSessionOptions(options);
  TF_DeleteStatus(status);
}

static bool read_call(FILE *file, Call *call) {
  uint32_t length;
  if (!read_uint32(file, &length)) return false;
  call->signature = calloc(length + 1, 1);
  if (fread(call->signature, 1, length, file) != length || !read_uint32(file, &call->num_inputs) ||
      call->num_inputs > MAX_INPUTS) {
    fprintf(stderr, "A call needs the name of a signature and at most %d inputs.\n", MAX_INPUTS);
    exit(2);
  }
  for (uint32_t i = 0; i < call->num_inputs; i++) {
    call->names[i] = read_text(file);
    call->inputs[i] = read_tensor(file);
  }
  return true;
}

static void delete_call(Call *call) {
  free(call->signature);
  for (uint32_t i = 0; i < call->num_inputs; i++) {
    free(call->names[i]);
    delete_read_tensor(call->inputs[i]);
  }
}

static void refuse(TF_Status *status, const char *problem, const char *name) {
  char message[300];
  snprintf(message, sizeof message, "%s `%.200s`.", problem, name);
  TF_SetStatus(status, TF_INVALID_ARGUMENT, message);
}

// Runs a call. What the graph cannot say of it, a server says before: names that the signature does not have.
static Answer run(const Call *call, TF_Status *status) {
  Answer answer = {find_signature(signatures, num_signatures, call->signature), {NULL}};
  const Signature *signature = answer.signature;
  TF_Output fed[MAX_INPUTS], fetched[MAX_OUTPUTS];
  TF_SetStatus(status, TF_OK, "");
  if (signature == NULL) {
    refuse(status, "There is no signature", call->signature);
    return answer;
  }
  for (uint32_t i = 0; i < call->num_inputs; i++) {
    const Place *place = find_place(signature->inputs, signature->num_inputs, call->names[i]);
    if (place == NULL) {
      refuse(status, "The signature has no input", call->names[i]);
      return answer;
    }
    fed[i] = place->output;
  }
  for (int i = 0; i < signature->num_outputs && i < MAX_OUTPUTS; i++) fetched[i] = signature->outputs[i].output;
  TF_SessionRun(session, NULL, fed, call->inputs, (int)call->num_inputs, fetched, answer.outputs,
                signature->num_outputs, NULL, 0, NULL, status);
  return answer;
}

static int num_outputs(const Answer *answer) { return answer->signature == NULL ? 0 : answer->signature->num_outputs; }

static void delete_answer(Answer *answer) {
  for (int i = 0; i < num_outputs(answer); i++)
    if (answer->outputs[i] != NULL) TF_DeleteTensor(answer->outputs[i]);
}

static void answer_calls(FILE *calls, FILE *answers) {
  TF_Status *status = TF_NewStatus();
  Call call;
  while (read_call(calls, &call)) {
    Answer answer = run(&call, status);
    TF_Code code = TF_GetCode(status);
    write_uint32(answers, code);
    write_text(answers, TF_Message(status));
    write_uint32(answers, code == TF_OK ? (uint32_t)num_outputs(&answer) : 0);
    for (int i = 0; code == TF_OK && i < num_outputs(&answer); i++) {
      write_text(answers, answer.signature->outputs[i].name);
      write_tensor(answers, answer.outputs[i]);
    }
    fflush(answers);
    delete_answer(&answer);
    delete_call(&call);
  }
  TF_DeleteStatus(status);
}

static Call calls[MAX_CALLS];
static Answer first_answers[MAX_CALLS];
static int num_calls;
static atomic_long answered, failed, different;
static atomic_bool stopping;

static void *call_until_stopped(void *first) {
  TF_Status *status = TF_NewStatus();
  for (int i = *(int *)first; !stopping; i++) {
    Answer *expected = &first_answers[i % num_calls], answer = run(&calls[i % num_calls], status);
    bool is_same = true;
    if (TF_GetCode(status) == TF_OK) {
      for (int j = 0; j < num_outputs(&answer); j++)
        is_same = is_same && same_tensors(answer.outputs[j], expected->outputs[j]);
      answered++;
      different += !is_same;
    } else {
      failed++;
    }
    delete_answer(&answer);
  }
  TF_DeleteStatus(status);
  return NULL;
}

static long resident_kib(void) {
  long total, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
  if (file != NULL) fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void load_session(int num_threads, int seconds) {
  TF_Status *status = TF_NewStatus();
  while (num_calls < MAX_CALLS && read_call(stdin, &calls[num_calls])) {
    first_answers[num_calls] = run(&calls[num_calls], status);
    check(status, "The calls must be answered one by one before they are made at the same time");
    num_calls++;
  }
  if (num_calls == 0) {
    fprintf(stderr, "There are no calls on the standard input.\n");
    exit(2);
  }
  pthread_t threads[MAX_THREADS];
  int starts[MAX_THREADS], every = seconds > 60 ? 10 : 1;
  for (int i = 0; i < num_threads; i++) {
    starts[i] = i;
    pthread_create(&threads[i], NULL, call_until_stopped, &starts[i]);
  }
  printf("second\tanswered\tfailed\tdifferent\tresident_kib\n");
  for (int second = every; second <= seconds; second += every) {
    sleep((unsigned)every);
    printf("%d\t%ld\t%ld\t%ld\t%ld\n", second, answered, failed, different, resident_kib());
    fflush(stdout);
  }
  stopping = true;
  for (int i = 0; i < num_threads; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  struct option options[] = {{"threads", required_argument, 0, 't'}, {"seconds", required_argument, 0, 's'}, {0}};
  int num_threads = 0, seconds = 5, option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (option == 't') num_threads = atoi(optarg);
    if (option == 's') seconds = atoi(optarg);
    if (option == '?') return 2;
  }
  if (optind == argc || num_threads < 0 || num_threads > MAX_THREADS) {
    fprintf(stderr, "usage: %s [--threads N --seconds S] MODEL LIBRARY...\n", argv[0]);
    return 2;
  }
  load(argv[optind], argv + optind + 1);
  if (num_threads > 0) {
    load_session(num_threads, seconds);
  } else {
    answer_calls(stdin, stdout);
  }
  return 0;
}

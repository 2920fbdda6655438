/* jansson's loops, for cppcheck, which reads no system headers. */
#define json_array_foreach(a, i, v) \
	for (i = 0; (v = json_array_get(a, i)) != NULL; i++)
#define json_object_foreach(o, k, v)                                \
	for (k = first_key(o); (v = json_object_get(o, k)) != NULL; \
	     k = next_key(o, k))
#define json_object_foreach_safe(o, n, k, v)                               \
	for (k = first_key(o), n = 0; (v = json_object_get(o, k)) != NULL; \
	     k = next_key(o, k))

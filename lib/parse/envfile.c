#include "parse/envfile.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/mask.h"
#include "parse/dotenv.h"

enum { ENV_MAX = 4 << 20 };

static bool
is_key(const char *s)
{
	if (*s == '\0' || isdigit((unsigned char)*s))
		return false;
	for (; *s != '\0'; s++)
		if (*s != '_' && !isalnum((unsigned char)*s))
			return false;
	return true;
}

/* One member in the form of the result; NULL: not a variable. */
static json_t *
variable(const json_t *v)
{
	const char *text = json_is_string(v) ? json_string_value(v)
					     : json_str(v, "value", NULL);
	bool secret = json_bool(v, "secret", true);

	if (text == NULL)
		return NULL;
	if (secret)
		mask_add(text);
	return json_pack("{s:s, s:b}", "value", text, "secret", secret);
}

static bool
is_of(const json_t *v, const char *phase)
{
	const char *own = json_str(v, "phase", "both");

	return strcmp(own, "both") == 0 || strcmp(own, phase) == 0;
}

static json_t *
normal(json_t *vars, const char *path, const char *phase, struct err *err)
{
	json_t *out = json_object(), *v, *one;
	const char *key;

	json_object_foreach(vars, key, v) {
		one = is_key(key) ? variable(v) : NULL;
		if (one == NULL) {
			err_set(err, EX_DATAERR, "bad-env-file",
			    "%s: %s: not a variable", path, key);
			err_hint(err, "\"KEY\": {\"value\": \"text\", "
				      "\"secret\": true}");
			json_decref(out);
			return NULL;
		}
		if (is_of(v, phase))
			json_object_set_new(out, key, one);
		else
			json_decref(one);
	}
	return out;
}

/* As json_parse(), but jansson's own words quote what may be a secret. */
static json_t *
object(const char *s, size_t n, const char *path, struct err *err)
{
	json_error_t why;
	json_t *v = json_loadb(s, n, JSON_REJECT_DUPLICATES, &why);

	if (v == NULL)
		err_set(err, EX_DATAERR, "bad-env-file",
		    "%s:%d:%d: not JSON here, or a variable that is there "
		    "twice",
		    path, why.line, why.column);
	return v;
}

json_t *
envfile_load(const char *path, const char *phase, struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	json_auto_t *vars = NULL;

	mask_no_dump();
	if (io_read_file(path, ENV_MAX, &text, err) < 0)
		return NULL;
	if (text.len > 0 && text.data[0] == '{')
		vars = object(text.data, text.len, path, err);
	else
		vars = dotenv_parse(buf_str(&text), text.len, path, err);
	if (vars == NULL) {
		err->code = "bad-env-file";
		return NULL;
	}
	return normal(vars, path, phase, err);
}

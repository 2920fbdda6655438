/*
 * gemfile - what a Gemfile and its lock say, without running them.
 * A Gemfile is a program; what is read are its plain lines, "gem 'name'" and
 * "ruby '3.4.1'", which is how nearly all are written.
 */
#ifndef PARSE_GEMFILE_H
#define PARSE_GEMFILE_H

#include <jansson.h>
#include <stddef.h>

/*
 * New references.  gemfile_parse: {"ruby": "~> 3.3", "ruby_line": 2,
 * "ruby_file": ".ruby-version", "gems": {"rails": 4}}, a gem with its line.
 * gemlock_parse: {"ruby": "3.3.1", "ruby_line": 90, "bundler": "2.5.3",
 * "gems": {"rails": {"version": "8.0.1", "line": 7}}, "platforms": ["ruby"],
 * "path": true, "git": true}: the last two if any gem comes from a folder or
 * a git repository.  What is not said is not there; the collections are.
 */
json_t *gemfile_parse(const char *, size_t);
json_t *gemlock_parse(const char *, size_t);

#endif

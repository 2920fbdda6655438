/* A Gemfile and its lock, as far as detection asks. */
#include "tap.h"

#include "base/json.h"
#include "parse/gemfile.h"

static const char file[] = "source 'https://rubygems.org'\n"
			   "ruby '>= 3.2', \"< 3.5\"\n"
			   "# gem 'not'\n"
			   "gem \"rails\", '~> 8.0'\n"
			   "group :test do\n"
			   "  gem('rspec')\n"
			   "end\n"
			   "gemspec\n";

static const char lock[] = "PATH\n"
			   "  remote: engines/a\n"
			   "  specs:\n"
			   "    a (0.1.0)\n"
			   "\n"
			   "GEM\n"
			   "  remote: https://rubygems.org/\n"
			   "  specs:\n"
			   "    pg (1.5.9-x86_64-linux)\n"
			   "    rails (8.0.2)\n"
			   "      railties (= 8.0.2)\n"
			   "\n"
			   "PLATFORMS\n"
			   "  arm64-darwin-24\n"
			   "  x86_64-linux\n"
			   "\n"
			   "RUBY VERSION\n"
			   "   ruby 3.4.2p100\n"
			   "\n"
			   "BUNDLED WITH\n"
			   "   2.6.5\n";

int
main(void)
{
	json_auto_t *g = gemfile_parse(file, strlen(file));
	json_auto_t *l = gemlock_parse(lock, strlen(lock));
	json_auto_t *from = gemfile_parse("ruby file: '.ruby-version'", 26);
	json_auto_t *odd = gemfile_parse("gem \"x\nruby\ngem ''\n", 19);
	json_t *gems = json_object_get(l, "gems");

	tap_str(json_str(g, "ruby", NULL), ">= 3.2, < 3.5", "a range");
	ok(json_int(g, "ruby_line", 0) == 2, "its line");
	ok(json_int(g, "gems.rails", 0) == 4, "a gem and its line");
	ok(json_int(g, "gems.rspec", 0) == 6, "with parentheses");
	ok(json_object_size(json_object_get(g, "gems")) == 2,
	    "no comment, no gemspec");
	tap_str(json_str(from, "ruby_file", NULL), ".ruby-version", "a file");
	ok(json_object_size(json_object_get(odd, "gems")) == 0 &&
		json_str(odd, "ruby", NULL) == NULL,
	    "what is not plain is passed over");
	tap_str(json_str(l, "ruby", NULL), "3.4.2", "the lock's ruby");
	tap_str(json_str(l, "bundler", NULL), "2.6.5", "its bundler");
	ok(json_bool(l, "path", false) && !json_bool(l, "git", false),
	    "a gem of a folder");
	ok(json_array_size(json_object_get(l, "platforms")) == 2, "platforms");
	ok(json_object_size(gems) == 3 && json_int(gems, "pg.line", 0) == 9,
	    "gems, not what they ask for");
	tap_str(json_str(gems, "rails.version", NULL), "8.0.2", "a version");
	return tap_end();
}

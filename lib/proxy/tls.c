/* Certificates that an operator gave, in RCN_TLS_DIR, and one of our own. */
#include "proxy/tls.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "proxy/ops.h"

enum { OWN_DAYS = 3650 };

int
proxy_certificates(struct strvec *out, struct err *err)
{
	const char *dir = proxy_tls_dir();
	struct dirent *e;
	DIR *d;

	if (dir == NULL)
		return 0;
	if ((d = opendir(dir)) == NULL)
		return err_sys(err, EX_CONFIG, "bad-setting", "RCN_TLS_DIR: %s",
		    dir);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && text_ends(e->d_name, ".pem"))
			strvec_addf(out, "%s/%s", dir, e->d_name);
	(void)closedir(d);
	strvec_sort(out);
	return 0;
}

static bool
covers(const char *path, const char *host)
{
	BIO *bio = BIO_new_file(path, "r");
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	bool yes = x != NULL && X509_check_host(x, host, 0, 0, NULL) == 1;

	X509_free(x);
	BIO_free(bio);
	return yes;
}

bool
proxy_tls(const char *host)
{
	auto_strvec struct strvec pem = { 0 };
	struct err ignored = { 0 };

	if (proxy_listen_tls() == NULL ||
	    proxy_certificates(&pem, &ignored) < 0)
		return false;
	for (size_t i = 0; i < pem.n; i++)
		if (covers(pem.v[i], host))
			return true;
	return false;
}

static X509 *
self_signed(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = x != NULL ? X509_get_subject_name(x) : NULL;

	if (name != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
	    X509_time_adj_ex(X509_getm_notAfter(x), OWN_DAYS, 0, NULL) !=
		NULL &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)"rcn default", -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, name) == 1 &&
	    X509_set_pubkey(x, key) == 1 && X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

int
tls_own(struct buf *pem, struct err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key != NULL ? self_signed(key) : NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long n = 0;

	if (x != NULL && bio != NULL && PEM_write_bio_X509(bio, x) == 1 &&
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		n = BIO_get_mem_data(bio, &data);
	if (n > 0)
		buf_add(pem, data, (size_t)n);
	else
		err_set(err, EX_SOFTWARE, "crypto-failed",
		    "OpenSSL cannot make a P-256 certificate");
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return n > 0 ? 0 : -1;
}

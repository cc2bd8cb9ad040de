<?php
// PHP's ftp_ssl_connect, which knows explicit TLS only; every warning is an error. Arguments: PORT.
set_error_handler(function ($number, $message, $file, $line) {
    fwrite(STDERR, "$file:$line: $message\n");
    exit(1);
});

function must($done, $what)
{
    if ($done === false) {
        fwrite(STDERR, "$what failed\n");
        exit(1);
    }
    return $done;
}

foreach ([true, false] as $passive) {
    $ftp = must(ftp_ssl_connect('127.0.0.1', (int) $argv[1], 20), 'connect');
    must(ftp_login($ftp, 'bob', 'secret'), 'login');
    must(ftp_pasv($ftp, $passive), 'pasv');
    must(ftp_put($ftp, 'stored.bin', 'source.bin'), 'put');
    must(ftp_put($ftp, 'empty', 'tree/empty'), 'put an empty file');
    must(ftp_get($ftp, 'got.bin', 'stored.bin'), 'get');
    must(hash_file('sha256', 'got.bin') === hash_file('sha256', 'source.bin'), 'to get the same');
    must(ftp_get($ftp, 'got.bin', 'stored.bin', FTP_BINARY, 1000), 'get a rest');
    must(ftp_put($ftp, 'stored.bin', 'source.bin', FTP_BINARY, 1000), 'put a rest');
    must(ftp_append($ftp, 'stored.bin', 'tree/empty'), 'append');
    must(ftp_size($ftp, 'stored.bin') === filesize('source.bin'), 'size');
    $names = must(ftp_nlist($ftp, '.'), 'nlist');
    sort($names);
    must(array_map('basename', $names) === ['empty', 'stored.bin'], 'the list of ' . implode(' ', $names));
    must(count(must(ftp_rawlist($ftp, '/'), 'rawlist')) === 2, 'the long list');
    must(count(must(ftp_mlsd($ftp, '/'), 'mlsd')) >= 2, 'the list of facts');
    foreach (['stored.bin', 'empty'] as $name) {
        must(ftp_delete($ftp, $name), "delete $name");
    }
    must(ftp_close($ftp), 'close');
}

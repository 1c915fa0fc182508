my-program | logboom send --server http://127.0.0.1:3000 --service shop

// The page works without this script, which adds what HTML alone can not do.

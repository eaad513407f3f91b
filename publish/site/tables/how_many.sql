select count(*) as items from items

-- One row: the last publication, and the one that it was compared with.
select
    version_no,
    previous_version_no
from meta.publications
order by version_no desc
limit 1

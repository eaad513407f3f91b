-- The counts of a load against its own count of the source, exactly; and against the rows that are
-- in the raw table today, of which none is ever taken away. Jira Cloud has an estimate only: where
-- it is more than the listing that was read to its end, the load says so, or this fails.
with

audits as (

    select * from {{ ref('load_audits') }}
    where status = 'complete'

),

short as (

    select
        source,
        object,
        scope,
        refresh_id,
        api_count as expected,
        extracted + coalesce(rejected, 0) + coalesce(acl_gap, 0) as found

    from audits

    where
        api_count is not null
        and extracted + coalesce(rejected, 0) + coalesce(acl_gap, 0) < api_count
        and not (
            source = 'jira'
            and object = 'issues'
            and coalesce(message, '') like '%that Jira lists; its estimate is%'
            and extracted + coalesce(rejected, 0) + coalesce(acl_gap, 0)
            >= api_count - greatest(5, 0.005 * api_count)
        )

),

-- What loads from the beginning brought.
brought as (

    select
        source,
        object,
        max(loaded) as loaded

    from (
        select
            source,
            object,
            refresh_id,
            sum(loaded) as loaded

        from audits

        where window_from is null

        group by 1, 2, 3
    ) as loads

    group by 1, 2

),

stored as (

    {%- for table in work_item_tables() %}

        select
            '{{ table.source_name }}' as source,
            '{{ table.name }}' as object,
            count(*) as items
        from {{ table.relation_name }}
        union all
    {%- endfor %}

    select
        null as source,
        null as object,
        null as items
    where false

),

missing as (

    select
        brought.source,
        brought.object,
        'all' as scope,
        'all' as refresh_id,
        brought.loaded as expected,
        stored.items as found

    from brought

    inner join stored
        on
            brought.source = stored.source
            and brought.object = stored.object

    where stored.items < brought.loaded

)

select * from short
union all
select * from missing

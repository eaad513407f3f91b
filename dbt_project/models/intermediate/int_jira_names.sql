with

statuses as (

    select * from {{ ref('stg_jira__statuses') }}

),

status_versions as (

    select * from {{ ref('stg_jira__status_versions') }}

),

issue_types as (

    select * from {{ ref('stg_jira__issue_types') }}

),

issues as (

    select * from {{ ref('stg_jira__issues') }}

),

teams as (

    select distinct name from {{ ref('teams') }}

),

changes as (

    select
        work_item_key,
        case field
            when 'issuetype' then 'issue_type'
            when 'Team' then 'team'
            else field
        end as object,
        from_id,
        from_name,
        to_id,
        to_name,
        changed_at,
        order_no,
        item_no

    from {{ ref('stg_jira__issue_changes') }}

    where field in ('status', 'issuetype', 'priority', 'resolution', 'Team')

),

-- How often, from here to the present status of the issue, the ids do not join.
joints as (

    select
        moves.object,
        moves.from_id,
        moves.from_name,
        moves.to_id,
        moves.to_name,
        moves.changed_at,
        sum(
            case when moves.to_id = coalesce(moves.next_from_id, issues.status_id) then 0 else 1 end
        ) over (
            partition by moves.work_item_key
            order by moves.changed_at desc, moves.order_no desc, moves.item_no desc
            rows between unbounded preceding and current row
        ) as breaks

    from (
        select
            *,
            lead(from_id) over (
                partition by work_item_key
                order by changed_at, order_no, item_no
            ) as next_from_id

        from changes

        where object = 'status'
    ) as moves

    inner join issues
        on moves.work_item_key = issues.work_item_key

),

-- What a listing says today comes first, then what an issue said when it was read, then what the
-- past says. A history whose ids join up to where its issue is now has the ids of this site.
recorded as (

    select
        'status' as object,
        status_id as id,
        name,
        1 as rank_no,
        cast(null as timestamp) as named_at
    from statuses

    union all

    select
        'status' as object,
        status_id as id,
        original_name as name,
        2 as rank_no,
        cast(null as timestamp) as named_at
    from statuses

    union all

    select
        'issue_type' as object,
        issue_type_id as id,
        name,
        1 as rank_no,
        cast(null as timestamp) as named_at
    from issue_types

    union all

    select
        'issue_type' as object,
        issue_type_id as id,
        original_name as name,
        2 as rank_no,
        cast(null as timestamp) as named_at
    from issue_types

    union all

    select
        'priority' as object,
        priority_id as id,
        name,
        1 as rank_no,
        cast(null as timestamp) as named_at
    from {{ ref('stg_jira__priorities') }}

    union all

    select
        'resolution' as object,
        resolution_id as id,
        name,
        1 as rank_no,
        cast(null as timestamp) as named_at
    from {{ ref('stg_jira__resolutions') }}

    union all

    select
        'status' as object,
        status_id as id,
        status as name,
        3 as rank_no,
        max(fetched_at) as named_at
    from issues
    group by status_id, status

    union all

    select
        'status' as object,
        status_id as id,
        original_status as name,
        4 as rank_no,
        max(fetched_at) as named_at
    from issues
    group by status_id, original_status

    union all

    select
        'issue_type' as object,
        type_id as id,
        raw_type as name,
        3 as rank_no,
        max(fetched_at) as named_at
    from issues
    group by type_id, raw_type

    union all

    select
        'issue_type' as object,
        type_id as id,
        original_type as name,
        4 as rank_no,
        max(fetched_at) as named_at
    from issues
    group by type_id, original_type

    union all

    select
        'priority' as object,
        priority_id as id,
        priority as name,
        3 as rank_no,
        max(fetched_at) as named_at
    from issues
    group by priority_id, priority

    union all

    select
        'resolution' as object,
        resolution_id as id,
        resolution as name,
        3 as rank_no,
        max(fetched_at) as named_at
    from issues
    group by resolution_id, resolution

    union all

    select
        'team' as object,
        team_id as id,
        team as name,
        3 as rank_no,
        max(fetched_at) as named_at
    from issues
    group by team_id, team

    union all

    select
        'status' as object,
        status_id as id,
        name,
        5 as rank_no,
        seen_at as named_at
    from status_versions

    union all

    select
        object,
        to_id as id,
        to_name as name,
        5 as rank_no,
        max(changed_at) as named_at
    from joints
    where breaks = 0
    group by object, to_id, to_name

    union all

    select
        object,
        from_id as id,
        from_name as name,
        5 as rank_no,
        max(changed_at) as named_at
    from joints
    where breaks = 0
    group by object, from_id, from_name

    union all

    select
        object,
        from_id as id,
        from_name as name,
        6 as rank_no,
        max(changed_at) as named_at
    from changes
    group by object, from_id, from_name

    union all

    select
        object,
        to_id as id,
        to_name as name,
        6 as rank_no,
        max(changed_at) as named_at
    from changes
    group by object, to_id, to_name

),

ranked as (

    select
        object,
        id,
        name,
        lower(name) as known_as,
        rank_no,
        named_at,
        row_number() over (
            partition by object, id, lower(name)
            order by rank_no, named_at desc, name
        ) as row_num

    from recorded

    where id is not null and name is not null

),

listed as (

    select distinct
        object,
        id

    from ranked

    where rank_no <= 2

),

-- The id of a history that was imported from another site means another thing here: such a pair
-- has the name that something else has today, and nothing else calls the id so. An id that is not
-- listed here is another site's as well where its name was that of one that is.
foreign_pairs as (

    select distinct
        ranked.object,
        ranked.id,
        ranked.known_as

    from ranked

    inner join ranked as others
        on
            ranked.object = others.object
            and ranked.known_as = others.known_as
            and ranked.id <> others.id

    inner join listed as listed_others
        on
            others.object = listed_others.object
            and others.id = listed_others.id

    left join listed
        on
            ranked.object = listed.object
            and ranked.id = listed.id

    where
        ranked.row_num = 1
        and ranked.rank_no = 6
        and others.row_num = 1
        and (others.rank_no <= 2 or (others.rank_no <= 5 and listed.id is null))

),

judged as (

    select
        ranked.object,
        ranked.id,
        ranked.name,
        ranked.known_as,
        ranked.rank_no,
        ranked.named_at,
        statuses.project_id,
        foreign_pairs.id is not null as is_foreign,
        teams.name is not null as is_in_seeds

    from ranked

    left join foreign_pairs
        on
            ranked.object = foreign_pairs.object
            and ranked.id = foreign_pairs.id
            and ranked.known_as = foreign_pairs.known_as

    left join statuses
        on case when ranked.object = 'status' then ranked.id end = statuses.status_id

    left join teams
        on case when ranked.object = 'team' then ranked.name end = teams.name

    where ranked.row_num = 1

),

-- A team that the company still has under a former name is that one.
final as (

    select
        object || ':' || id || ':' || known_as as jira_name_id,
        object,
        id,
        name,
        known_as,
        project_id,
        is_foreign,
        row_number() over (
            partition by object, id
            order by is_foreign, is_in_seeds desc, rank_no, named_at desc, name
        ) as row_num,
        row_number() over (
            partition by object, known_as, project_id
            order by is_foreign, rank_no, named_at desc, id
        ) as row_num_by_name

    from judged

)

select * from final
